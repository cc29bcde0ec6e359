package manifest

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
)

// openings makes one load balancer per opening. It takes connections from the named address ranges only and hands them
// on with the address they came from, which the network policy of the opening checks once more.
func (r *renderer) openings() {
	for _, o := range r.app.Openings {
		s := r.services[o.Service]
		r.add(Object{
			After: []string{ID(r.kind(s), s.Name), ID("NetworkPolicy", "world-to-"+o.Name)},
			Value: &corev1.Service{
				TypeMeta: typeMeta("v1", "Service"), ObjectMeta: r.meta(openingName(o.Name)),
				Spec: corev1.ServiceSpec{
					Type: corev1.ServiceTypeLoadBalancer, Selector: r.labels.selector(o.Service),
					LoadBalancerSourceRanges: slices.Clone(o.From),
					ExternalTrafficPolicy:    corev1.ServiceExternalTrafficPolicyLocal,
					Ports: []corev1.ServicePort{{
						Name: strings.TrimRight(o.Name[:min(len(o.Name), maximumPortName)], "-"), Port: narrow(o.Port),
						Protocol: corev1.Protocol(o.Protocol), TargetPort: intstr.FromInt(o.Port),
					}},
				},
			},
		})
	}
}

// openingName is the name of the load balancer: no longer than a name of a Service may be.
func openingName(opening string) string {
	const hash = 1 + 8
	name := "open-" + opening
	if len(name) <= validation.DNS1035LabelMaxLength {
		return name
	}
	return name[:validation.DNS1035LabelMaxLength-hash] + "-" + shortHash(opening)
}

// maximumPortName is how long the API lets a port's name be; here only people read it.
const maximumPortName = 15
