package manifest

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/dekcd/dmcloud/components/app"
)

// labelNamespaceName is on every namespace, set by the API server.
const labelNamespaceName = "kubernetes.io/metadata.name"

// policy is one NetworkPolicy as data.
type policy struct {
	name string
	spec networkingv1.NetworkPolicySpec
}

// networkPolicies denies everything and then permits each edge by name. An edge is permitted where it arrives: inside
// the namespace every pod may send, but each receives only from those named for it.
func (r *renderer) networkPolicies() {
	policies := []policy{
		{"default-deny", networkingv1.NetworkPolicySpec{PolicyTypes: both()}},
		{"all-to-dns", toDNS()},
		{"all-within", withinNamespace()},
	}
	for _, e := range r.edges {
		policies = append(policies, policy{e.Slug(), r.edge(e)})
	}
	for _, route := range r.app.Routes {
		policies = append(policies, policy{"entry-to-" + route.Name, r.entry(route)})
	}
	if r.cluster.TLS.Issuer != "" && len(r.app.Routes) > 0 {
		policies = append(policies, policy{"entry-to-acme-solver", r.acmeSolver()})
	}
	for _, s := range r.app.Services {
		for _, e := range s.Egress {
			policies = append(policies, policy{s.Name + "-to-" + e.Name, r.egress(s.Name, e)})
		}
	}
	for _, o := range r.app.Openings {
		policies = append(policies, policy{"world-to-" + o.Name, r.opening(o)})
	}
	for _, p := range policies {
		r.add(Object{Value: &networkingv1.NetworkPolicy{
			TypeMeta: typeMeta("networking.k8s.io/v1", "NetworkPolicy"), ObjectMeta: r.meta(p.name), Spec: p.spec,
		}})
	}
}

func both() []networkingv1.PolicyType {
	return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
}

// toDNS permits name resolution by the cluster's DNS, whose pods carry this label on every distribution.
func toDNS() networkingv1.NetworkPolicySpec {
	return networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
		Egress: []networkingv1.NetworkPolicyEgressRule{{
			To: []networkingv1.NetworkPolicyPeer{{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{labelNamespaceName: "kube-system"}},
				PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
			}},
			Ports: []networkingv1.NetworkPolicyPort{networkPort(app.UDP, 53), networkPort(app.TCP, 53)},
		}},
	}
}

// withinNamespace lets pods send to pods of the same namespace; what arrives is up to the edges.
func withinNamespace() networkingv1.NetworkPolicySpec {
	return networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
		Egress: []networkingv1.NetworkPolicyEgressRule{{
			To: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}},
		}},
	}
}

func (r *renderer) edge(e app.Edge) networkingv1.NetworkPolicySpec {
	var ports []networkingv1.NetworkPolicyPort
	for _, p := range r.services[e.To].Ports {
		ports = append(ports, networkPort(p.Protocol, p.Number))
	}
	from := map[string]string{labelNetwork(e.Network): inNetwork}
	if e.From != "" {
		from = r.labels.selector(e.From)
	}
	return receives(r.labels.selector(e.To), ports, networkingv1.NetworkPolicyPeer{
		PodSelector: &metav1.LabelSelector{MatchLabels: from},
	})
}

// opening permits the address ranges of an opening; its load balancer keeps the addresses of those who connect.
func (r *renderer) opening(o app.Opening) networkingv1.NetworkPolicySpec {
	spec := receives(r.labels.selector(o.Service), []networkingv1.NetworkPolicyPort{networkPort(o.Protocol, o.Port)})
	for _, cidr := range o.From {
		spec.Ingress[0].From = append(spec.Ingress[0].From,
			networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: cidr}})
	}
	return spec
}

// entry permits the ingress controller, and nobody else, to reach a route's service.
func (r *renderer) entry(route app.Route) networkingv1.NetworkPolicySpec {
	ports := []networkingv1.NetworkPolicyPort{networkPort(app.TCP, route.Port)}
	return receives(r.labels.selector(route.Service), ports, r.ingressController())
}

// acmeSolver permits the ingress controller to reach the pods with which cert-manager proves to an issuer that it has
// the host name (HTTP-01): they run in this namespace, under the default deny. Label and port are cert-manager's,
// https://github.com/cert-manager/cert-manager/blob/master/pkg/issuer/acme/http/pod.go.
func (r *renderer) acmeSolver() networkingv1.NetworkPolicySpec {
	const listens = 8089
	return receives(map[string]string{"acme.cert-manager.io/http01-solver": "true"},
		[]networkingv1.NetworkPolicyPort{networkPort(app.TCP, listens)}, r.ingressController())
}

func (r *renderer) ingressController() networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{
		MatchLabels: map[string]string{labelNamespaceName: r.cluster.IngressNamespace},
	}}
}

func receives(
	pods map[string]string, ports []networkingv1.NetworkPolicyPort, from ...networkingv1.NetworkPolicyPeer,
) networkingv1.NetworkPolicySpec {
	return networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: pods},
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress: []networkingv1.NetworkPolicyIngressRule{{
			From: from, Ports: ports,
		}},
	}
}

func (r *renderer) egress(service string, e app.Egress) networkingv1.NetworkPolicySpec {
	var peers []networkingv1.NetworkPolicyPeer
	for _, cidr := range e.CIDRs {
		peers = append(peers, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: cidr}})
	}
	if len(peers) == 0 {
		peers = internet()
	}
	var ports []networkingv1.NetworkPolicyPort
	for _, p := range e.Ports {
		ports = append(ports, networkPort(app.TCP, p))
	}
	return networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: r.labels.selector(service)},
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
		Egress:      []networkingv1.NetworkPolicyEgressRule{{To: peers, Ports: ports}},
	}
}

// internet is every address but those of private networks (RFC 1918, 6598, 4193) and link-local ones, where a cloud's
// metadata service answers with the machine's credentials.
func internet() []networkingv1.NetworkPolicyPeer {
	return []networkingv1.NetworkPolicyPeer{
		{IPBlock: &networkingv1.IPBlock{
			CIDR:   "0.0.0.0/0",
			Except: []string{"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"},
		}},
		{IPBlock: &networkingv1.IPBlock{CIDR: "::/0", Except: []string{"fc00::/7", "fe80::/10"}}},
	}
}

func networkPort(protocol app.Protocol, number int) networkingv1.NetworkPolicyPort {
	p := corev1.Protocol(protocol)
	n := intstr.FromInt(number)
	return networkingv1.NetworkPolicyPort{Protocol: &p, Port: &n}
}
