package main

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// checkObjects checks that everything which the chart makes fits together.
func checkObjects(f *findings, where string, files map[string]string, values map[string]any) {
	o, errs := decodeObjects(files)
	for _, err := range errs {
		f.addf(where, "%v", err)
	}
	single := values["mode"] == "single"
	if want := map[bool]int{false: len(tollgateServices), true: 1}[single]; len(o.workloads) != want {
		f.addf(where, "%d workloads", len(o.workloads))
	}
	for _, name := range slices.Sorted(maps.Keys(o.workloads)) {
		w := o.workloads[name]
		at := where + ": " + w.kind + " " + name
		checkPod(f, at, o, w)
		checkSecrets(f, at, w, single)
		checkTargets(f, at, o, w)
	}
	for name, service := range o.services {
		at := where + ": Service " + name
		pods := o.selected(service.Spec.Selector)
		if len(pods) != 1 {
			f.addf(at, "selects %d workloads", len(pods))
			continue
		}
		for _, p := range service.Spec.Ports {
			if !hasPort(pods[0], p.TargetPort) {
				f.addf(at, "no container has its port %s", p.TargetPort.String())
			}
		}
		if pods[0].component != "edge" && service.Spec.ClusterIP != corev1.ClusterIPNone {
			f.addf(at, "is not headless: calls would all go to one pod")
		}
	}
	checkAround(f, where, o)
	checkPolicies(f, where, o, single)
}

// checkPod holds a workload's pods to the restricted security standard, and to Tollgate's own needs.
func checkPod(f *findings, at string, o *objects, w *workload) {
	spec := &w.template.Spec
	if s, err := metav1.LabelSelectorAsSelector(w.selector); err != nil || s.Empty() || !s.Matches(labels.Set(w.template.Labels)) {
		f.addf(at, "does not select its own pods")
	}
	pod := spec.SecurityContext
	if pod == nil || !is(pod.RunAsNonRoot) || pod.RunAsUser == nil || *pod.RunAsUser == 0 || pod.SeccompProfile == nil || pod.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		f.addf(at, "its pods may be root, or have no seccomp profile")
	}
	if account := o.accounts[spec.ServiceAccountName]; account == nil || account.AutomountServiceAccountToken == nil || is(account.AutomountServiceAccountToken) ||
		spec.AutomountServiceAccountToken == nil || is(spec.AutomountServiceAccountToken) {
		f.addf(at, "its account is missing, or has a token in the pod")
	}
	if spec.HostNetwork || spec.HostPID || spec.HostIPC {
		f.addf(at, "shares namespaces with its host")
	}
	if spec.TerminationGracePeriodSeconds == nil || *spec.TerminationGracePeriodSeconds < 95 {
		f.addf(at, "is killed before it can stop")
	}
	if len(spec.TopologySpreadConstraints) == 0 {
		f.addf(at, "may run on one node alone")
	}
	for _, t := range spec.TopologySpreadConstraints {
		if s, err := metav1.LabelSelectorAsSelector(t.LabelSelector); err != nil || !s.Matches(labels.Set(w.template.Labels)) {
			f.addf(at, "spreads other pods than its own")
		}
	}
	if len(spec.Containers) != 1 {
		f.addf(at, "%d containers", len(spec.Containers))
		return
	}
	c := &spec.Containers[0]
	s := c.SecurityContext
	if s == nil || !is(s.ReadOnlyRootFilesystem) || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.Capabilities == nil ||
		!slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
		f.addf(at, "its container has rights that it does not need")
	}
	if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
		f.addf(at, "requests or limits are missing")
	}
	for name, probe := range map[string]*corev1.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil || !hasPort(w, probe.HTTPGet.Port) {
			f.addf(at, "no %s probe, or of a port that it has not", name)
			continue
		}
		if want := "/health/" + map[bool]string{true: "readiness", false: "liveness"}[name == "readiness"]; probe.HTTPGet.Path != want {
			f.addf(at, "the %s probe asks %s", name, probe.HTTPGet.Path)
		}
		if encrypted := env(w, "TOLLGATE_MESH_CERT") != "" && w.component != "edge"; encrypted != (probe.HTTPGet.Scheme == corev1.URISchemeHTTPS) {
			f.addf(at, "the %s probe does not speak what the port does", name)
		}
	}
	checkVolumes(f, at, o, w, c)
}

func checkVolumes(f *findings, at string, o *objects, w *workload, c *corev1.Container) {
	given := map[string]bool{}
	for _, claim := range w.claims {
		given[claim.Name] = true
	}
	if (w.component == "edge") != given["data"] {
		f.addf(at, "only the edge has something that outlives it, and it must")
	}
	for _, v := range w.template.Spec.Volumes {
		given[v.Name] = true
		if v.HostPath != nil {
			f.addf(at, "mounts %s of its host", v.HostPath.Path)
		}
		if v.ConfigMap != nil && v.ConfigMap.Name != "tollgate-config" && o.configMaps[v.ConfigMap.Name] == nil {
			f.addf(at, "there is no ConfigMap %s", v.ConfigMap.Name)
		}
	}
	data := false
	for _, m := range c.VolumeMounts {
		if !given[m.Name] {
			f.addf(at, "there is no volume %s", m.Name)
		}
		data = data || m.MountPath == env(w, "TOLLGATE_DATA_DIR")
		delete(given, m.Name)
	}
	if !data {
		f.addf(at, "its data folder cannot be written")
	}
	for name := range given {
		f.addf(at, "nobody mounts volume %s", name)
	}
}

// checkSecrets checks that each service gets what it needs, and no more.
func checkSecrets(f *findings, at string, w *workload, single bool) {
	refs, names := map[string]bool{}, []string{}
	for _, e := range w.template.Spec.Containers[0].Env {
		names = append(names, e.Name)
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			refs[e.Name] = true
			if e.ValueFrom.SecretKeyRef.Key != e.Name {
				f.addf(at, "%s is key %s of its Secret", e.Name, e.ValueFrom.SecretKeyRef.Key)
			}
		} else if secretName.MatchString(e.Name) && e.Name != "TOLLGATE_MESH_KEY" {
			f.addf(at, "%s stands in the manifest", e.Name)
		}
	}
	checkVariables(f, at, names)
	routes := single || w.component == "router"
	if providers := len(w.template.Spec.Containers[0].EnvFrom) > 0; providers && !routes {
		f.addf(at, "has the providers' keys")
	}
	if single {
		if refs["TOLLGATE_MESH_TOKEN"] || !refs["TOLLGATE_MASTER_KEY"] {
			f.addf(at, "has secrets %v", slices.Sorted(maps.Keys(refs)))
		}
		return
	}
	for _, key := range providerKeys { // they come by envFrom
		refs[key] = w.component == "router"
	}
	missing, needless := wrongSecrets(w.component, func(name string) bool { return refs[name] })
	if len(missing)+len(needless) > 0 || !refs["TOLLGATE_MESH_TOKEN"] {
		f.addf(at, "lacks secrets %v, and has no use for %v", missing, needless)
	}
}

// checkTargets checks that the services which it calls are where it looks for them, and that it calls no other.
func checkTargets(f *findings, at string, o *objects, w *workload) {
	if env(w, "TOLLGATE_SERVICES") == "" {
		return
	}
	if env(w, "TOLLGATE_SERVICES") != w.component {
		f.addf(at, "runs %s", env(w, "TOLLGATE_SERVICES"))
	}
	for _, called := range tollgateServices {
		text := env(w, "TOLLGATE_"+strings.ToUpper(called)+"_URL")
		if slices.Contains(callsOf[w.component], called) != (text != "") {
			f.addf(at, "calls %s at %q", called, text)
		}
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil {
			f.addf(at, "%v", err)
			continue
		}
		service := o.services[u.Hostname()]
		if service == nil {
			f.addf(at, "there is no Service %s", u.Hostname())
			continue
		}
		pods := o.selected(service.Spec.Selector)
		if len(pods) != 1 || pods[0].component != called {
			f.addf(at, "%s is not the %s", u.Hostname(), called)
			continue
		}
		// Headless: the port is the container's own.
		if !hasPort(pods[0], intstr.Parse(u.Port())) {
			f.addf(at, "the %s has no port %s", called, u.Port())
		}
		if (u.Scheme == "https") != (env(pods[0], "TOLLGATE_MESH_CERT") != "") {
			f.addf(at, "does not speak what the %s does", called)
		}
	}
}

// checkAround checks what refers to workloads.
func checkAround(f *findings, where string, o *objects) {
	for name, w := range o.workloads {
		at := where + ": " + w.kind + " " + name
		if w.kind == "StatefulSet" {
			if s := o.services[w.governs]; s == nil || s.Spec.ClusterIP != corev1.ClusterIPNone {
				f.addf(at, "its pods have no names: there is no headless Service %s", w.governs)
			}
		}
		if (o.scalers[name] == nil) == (w.replicas == nil) {
			f.addf(at, "its number is nobody's to choose, or two's")
		}
		if o.budgets[name] == nil {
			f.addf(at, "all its pods may be evicted at once")
		}
	}
	for name, b := range o.budgets {
		if s, err := metav1.LabelSelectorAsSelector(b.Spec.Selector); err != nil || !o.only(name, s) {
			f.addf(where, "PodDisruptionBudget %s is not for its workload", name)
		}
	}
	for name, s := range o.scalers {
		if w := o.workloads[s.Spec.ScaleTargetRef.Name]; w == nil || w.kind != s.Spec.ScaleTargetRef.Kind {
			f.addf(where, "HorizontalPodAutoscaler %s scales nothing", name)
		}
		if s.Spec.MinReplicas == nil || *s.Spec.MinReplicas < 2 || *s.Spec.MinReplicas > s.Spec.MaxReplicas {
			f.addf(where, "HorizontalPodAutoscaler %s scales below two, or to nothing", name)
		}
	}
	for name, in := range o.ingresses {
		for _, rule := range in.Spec.Rules {
			for _, p := range rule.HTTP.Paths {
				s := o.services[p.Backend.Service.Name]
				if s == nil || !slices.ContainsFunc(s.Spec.Ports, func(port corev1.ServicePort) bool { return port.Name == p.Backend.Service.Port.Name }) {
					f.addf(where, "Ingress %s leads nowhere", name)
				}
			}
		}
	}
	for name, m := range o.monitors {
		s, err := metav1.LabelSelectorAsSelector(&m.Spec.Selector)
		n := 0
		for _, service := range o.services {
			if err == nil && s.Matches(labels.Set(service.Labels)) &&
				slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == m.Spec.Endpoints[0].Port }) {
				n++
			}
		}
		if n != 1 {
			f.addf(where, "ServiceMonitor %s scrapes %d Services", name, n)
		}
	}
}

// selected are the workloads whose pods have the labels.
func (o *objects) selected(by map[string]string) []*workload {
	var found []*workload
	for _, w := range o.workloads {
		if labels.SelectorFromSet(by).Matches(labels.Set(w.template.Labels)) {
			found = append(found, w)
		}
	}
	return found
}

// only reports whether a selector matches the pods of one workload and no other's.
func (o *objects) only(name string, s labels.Selector) bool {
	for _, w := range o.workloads {
		if s.Matches(labels.Set(w.template.Labels)) != (w.name == name) {
			return false
		}
	}
	return o.workloads[name] != nil
}

func hasPort(w *workload, port intstr.IntOrString) bool {
	return slices.ContainsFunc(w.template.Spec.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return port.Type == intstr.String && p.Name == port.StrVal || port.Type == intstr.Int && p.ContainerPort == port.IntVal
		})
	})
}

// env is a variable's value in a workload's pods; of one from a Secret, its name.
func env(w *workload, name string) string {
	for _, e := range w.template.Spec.Containers[0].Env {
		if e.Name == name {
			if e.ValueFrom != nil {
				return e.Name
			}
			return e.Value
		}
	}
	return ""
}

func is(b *bool) bool { return b != nil && *b }
