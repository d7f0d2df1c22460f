package main

import (
	"errors"
	"fmt"
	"strings"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// componentLabel says which service a pod runs.
const componentLabel = "app.kubernetes.io/component"

// objects are what the chart makes, by kind and name.
type objects struct {
	workloads  map[string]*workload
	services   map[string]*corev1.Service
	accounts   map[string]*corev1.ServiceAccount
	configMaps map[string]*corev1.ConfigMap
	secrets    map[string]*corev1.Secret
	policies   map[string]*networkingv1.NetworkPolicy
	budgets    map[string]*policyv1.PodDisruptionBudget
	scalers    map[string]*autoscalingv2.HorizontalPodAutoscaler
	ingresses  map[string]*networkingv1.Ingress
	monitors   map[string]*monitoringv1.ServiceMonitor
	cilium     map[string]*ciliumPolicy
	other      map[string]metav1.Object
}

// workload is a Deployment or a StatefulSet.
type workload struct {
	kind, name, component string
	selector              *metav1.LabelSelector
	template              *corev1.PodTemplateSpec
	claims                []corev1.PersistentVolumeClaim
	governs               string // the Service of a StatefulSet
	replicas              *int32
}

// ciliumPolicy is of Cilium's policies what the chart uses.
type ciliumPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		EndpointSelector metav1.LabelSelector `json:"endpointSelector"`
		Egress           []struct {
			ToEndpoints []metav1.LabelSelector `json:"toEndpoints,omitempty"`
			ToFQDNs     []struct {
				MatchName string `json:"matchName"`
			} `json:"toFQDNs,omitempty"`
			ToPorts []struct {
				Ports []struct {
					Port     string `json:"port"`
					Protocol string `json:"protocol"`
				} `json:"ports"`
				Rules *struct {
					DNS []struct {
						MatchPattern string `json:"matchPattern"`
					} `json:"dns"`
				} `json:"rules,omitempty"`
			} `json:"toPorts"`
		} `json:"egress"`
	} `json:"spec"`
}

// certificate is of cert-manager's certificates what the chart uses.
type certificate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		SecretName  string          `json:"secretName"`
		Duration    metav1.Duration `json:"duration"`
		RenewBefore metav1.Duration `json:"renewBefore"`
		PrivateKey  struct {
			Algorithm      string `json:"algorithm"`
			Size           int    `json:"size"`
			RotationPolicy string `json:"rotationPolicy"`
		} `json:"privateKey"`
		Usages    []string `json:"usages"`
		DNSNames  []string `json:"dnsNames"`
		IssuerRef struct {
			Name  string `json:"name"`
			Kind  string `json:"kind"`
			Group string `json:"group"`
		} `json:"issuerRef"`
	} `json:"spec"`
}

// decodeObjects reads what was rendered into Kubernetes's own types, in which every field must be known.
func decodeObjects(files map[string]string) (*objects, []error) {
	o := &objects{
		workloads: map[string]*workload{}, services: map[string]*corev1.Service{}, accounts: map[string]*corev1.ServiceAccount{},
		configMaps: map[string]*corev1.ConfigMap{}, secrets: map[string]*corev1.Secret{}, policies: map[string]*networkingv1.NetworkPolicy{},
		budgets: map[string]*policyv1.PodDisruptionBudget{}, scalers: map[string]*autoscalingv2.HorizontalPodAutoscaler{},
		ingresses: map[string]*networkingv1.Ingress{}, monitors: map[string]*monitoringv1.ServiceMonitor{},
		cilium: map[string]*ciliumPolicy{}, other: map[string]metav1.Object{},
	}
	var errs []error
	for _, doc := range documents(files) {
		var meta metav1.PartialObjectMetadata
		if err := yaml.Unmarshal([]byte(doc), &meta); err != nil {
			errs = append(errs, err)
			continue
		}
		name := fmt.Sprintf("%s %s", meta.Kind, meta.Name)
		for _, wrong := range wrongMeta(&meta) {
			errs = append(errs, fmt.Errorf("%s: %s", name, wrong))
		}
		if err := o.decode(&meta, doc); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return o, errs
}

func (o *objects) decode(meta *metav1.PartialObjectMetadata, doc string) error {
	switch meta.APIVersion + " " + meta.Kind {
	case "apps/v1 Deployment":
		var d appsv1.Deployment
		if err := strict(doc, &d); err != nil {
			return err
		}
		return put(o.workloads, d.Name, &workload{
			kind: meta.Kind, name: d.Name, component: d.Spec.Template.Labels[componentLabel],
			selector: d.Spec.Selector, template: &d.Spec.Template, replicas: d.Spec.Replicas,
		})
	case "apps/v1 StatefulSet":
		var s appsv1.StatefulSet
		if err := strict(doc, &s); err != nil {
			return err
		}
		return put(o.workloads, s.Name, &workload{
			kind: meta.Kind, name: s.Name, component: s.Spec.Template.Labels[componentLabel],
			selector: s.Spec.Selector, template: &s.Spec.Template, replicas: s.Spec.Replicas,
			claims: s.Spec.VolumeClaimTemplates, governs: s.Spec.ServiceName,
		})
	case "v1 Service":
		return strictly(o.services, doc, meta.Name)
	case "v1 ServiceAccount":
		return strictly(o.accounts, doc, meta.Name)
	case "v1 ConfigMap":
		return strictly(o.configMaps, doc, meta.Name)
	case "v1 Secret":
		return strictly(o.secrets, doc, meta.Name)
	case "networking.k8s.io/v1 NetworkPolicy":
		return strictly(o.policies, doc, meta.Name)
	case "networking.k8s.io/v1 Ingress":
		return strictly(o.ingresses, doc, meta.Name)
	case "policy/v1 PodDisruptionBudget":
		return strictly(o.budgets, doc, meta.Name)
	case "autoscaling/v2 HorizontalPodAutoscaler":
		return strictly(o.scalers, doc, meta.Name)
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return strictly(o.monitors, doc, meta.Name)
	case "monitoring.coreos.com/v1 PrometheusRule":
		return other[monitoringv1.PrometheusRule](o, doc, meta)
	case "cilium.io/v2 CiliumNetworkPolicy":
		return strictly(o.cilium, doc, meta.Name)
	case "cert-manager.io/v1 Certificate":
		return other[certificate](o, doc, meta)
	}
	return fmt.Errorf("no such kind is known: %s", meta.APIVersion)
}

// strict decodes as a cluster does that is asked to validate strictly: unknown and repeated fields are errors, and so are
// those whose case is another.
func strict(doc string, into any) error {
	content, err := yaml.YAMLToJSONStrict([]byte(doc))
	if err != nil {
		return err
	}
	unknown, err := json.UnmarshalStrict(content, into)
	return errors.Join(append(unknown, err)...)
}

func strictly[T any](into map[string]*T, doc, name string) error {
	object := new(T)
	if err := strict(doc, object); err != nil {
		return err
	}
	return put(into, name, object)
}

func other[T any, P interface {
	*T
	metav1.Object
}](o *objects, doc string, meta *metav1.PartialObjectMetadata) error {
	object := P(new(T))
	if err := strict(doc, object); err != nil {
		return err
	}
	o.other[meta.Kind+" "+meta.Name] = object
	return nil
}

func put[T any](into map[string]*T, name string, object *T) error {
	if into[name] != nil {
		return fmt.Errorf("there are two of it")
	}
	into[name] = object
	return nil
}

// wrongMeta is what Kubernetes would say of a name and its labels.
func wrongMeta(meta *metav1.PartialObjectMetadata) []string {
	wrong := validation.IsDNS1123Subdomain(meta.Name)
	if meta.Kind == "Service" {
		wrong = validation.IsDNS1035Label(meta.Name)
	}
	for key, value := range meta.Labels {
		wrong = append(wrong, validation.IsQualifiedName(key)...)
		wrong = append(wrong, validation.IsValidLabelValue(value)...)
	}
	for key := range meta.Annotations {
		wrong = append(wrong, validation.IsQualifiedName(strings.ToLower(key))...)
	}
	return wrong
}
