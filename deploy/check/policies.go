package main

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// checkPolicies works out who may reach whom, and compares it with who calls whom.
func checkPolicies(f *findings, where string, o *objects, single bool) {
	for name, p := range o.policies {
		s, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err != nil || !o.only(name, s) {
			f.addf(where, "NetworkPolicy %s is not for its workload", name)
		}
		if !slices.Equal(p.Spec.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}) {
			f.addf(where, "NetworkPolicy %s leaves a direction open", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.workloads)) {
		from := o.workloads[name]
		if o.policies[name] == nil {
			f.addf(where, "%s may call and be called by anybody", name)
			continue
		}
		for _, to := range o.workloads {
			calls := slices.Contains(callsOf[from.component], to.component)
			if calls != o.reaches(from, to) {
				f.addf(where, "%s reaches the %s: %t, and calls it: %t", name, to.component, !calls, calls)
			}
		}
		sends := single || from.component == "router"
		named := o.cilium[name+"-providers"] != nil
		if sends != (named || o.leaves(from)) || named && o.leaves(from) {
			f.addf(where, "%s reaches providers by address: %t, by name: %t", name, o.leaves(from), named)
		}
		if uses := single || slices.Contains(secretsOf[from.component], "DATABASE_URL"); uses != o.sendsTo(from, 5432) {
			f.addf(where, "%s reaches the database: %t, and uses it: %t", name, !uses, uses)
		}
		if uses := single || slices.Contains(secretsOf[from.component], "REDIS_URL"); uses != o.sendsTo(from, 6379) {
			f.addf(where, "%s reaches Redis: %t, and uses it: %t", name, !uses, uses)
		}
		if uses := env(from, "KAFKA_BROKERS") != ""; uses != o.sendsTo(from, 9092) {
			f.addf(where, "%s reaches Kafka: %t, and uses it: %t", name, !uses, uses)
		}
		if !named && !o.sendsTo(from, 53) {
			f.addf(where, "%s finds no names", name)
		}
	}
	for name, p := range o.cilium {
		if s, err := metav1.LabelSelectorAsSelector(&p.Spec.EndpointSelector); err != nil || len(o.matching(s)) != 1 {
			f.addf(where, "CiliumNetworkPolicy %s is for no workload", name)
		}
		hosts, dns := 0, false
		for _, e := range p.Spec.Egress {
			hosts += len(e.ToFQDNs)
			for _, t := range e.ToPorts {
				dns = dns || t.Rules != nil && len(t.Rules.DNS) > 0 && len(e.ToEndpoints) > 0
			}
			if len(e.ToPorts) == 0 {
				f.addf(where, "CiliumNetworkPolicy %s lets every port through", name)
			}
		}
		if hosts == 0 || !dns {
			f.addf(where, "CiliumNetworkPolicy %s: %d hosts, names are learned: %t", name, hosts, dns)
		}
	}
}

// reaches reports whether the policies of both ends let one workload call another at the mesh's port. A workload does
// not call itself.
func (o *objects) reaches(from, to *workload) bool {
	if from == to || to.component == "edge" {
		return false // applications call the edge, and its policy is theirs
	}
	out := slices.ContainsFunc(o.policies[from.name].Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
		return allows(r.Ports, to) && permits(r.To, to)
	})
	in := slices.ContainsFunc(o.policies[to.name].Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool {
		return allows(r.Ports, to) && permits(r.From, from)
	})
	return out && in
}

// allows reports whether a rule's ports have one of the workload's; no ports are all.
func allows(ports []networkingv1.NetworkPolicyPort, to *workload) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		return p.Port == nil || hasPort(to, *p.Port)
	})
}

// permits reports whether a rule's peers have the workload, in the namespace of the release; no peers are everybody.
func permits(peers []networkingv1.NetworkPolicyPeer, w *workload) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		if p.IPBlock != nil || p.PodSelector == nil && p.NamespaceSelector == nil {
			return false
		}
		if p.NamespaceSelector != nil {
			s, err := metav1.LabelSelectorAsSelector(p.NamespaceSelector)
			if err != nil || !s.Matches(labels.Set{corev1.LabelMetadataName: namespace}) {
				return false
			}
		}
		if p.PodSelector == nil {
			return true
		}
		s, err := metav1.LabelSelectorAsSelector(p.PodSelector)
		return err == nil && s.Matches(labels.Set(w.template.Labels))
	})
}

// leaves reports whether a workload may go to addresses outside the cluster by its NetworkPolicy, beyond its stores.
func (o *objects) leaves(w *workload) bool {
	return o.sendsTo(w, 443)
}

// sendsTo reports whether a rule has the port by its number.
func (o *objects) sendsTo(w *workload, port int) bool {
	return slices.ContainsFunc(o.policies[w.name].Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
		return slices.ContainsFunc(r.Ports, func(p networkingv1.NetworkPolicyPort) bool {
			return p.Port != nil && *p.Port == intstr.FromInt(port)
		})
	})
}

func (o *objects) matching(s labels.Selector) []*workload {
	var found []*workload
	for _, w := range o.workloads {
		if s.Matches(labels.Set(w.template.Labels)) {
			found = append(found, w)
		}
	}
	return found
}
