package manifest_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/kubernetes/internal/lab"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
)

// endpoint is one end of a connection: a pod, or an address outside the cluster.
type endpoint struct {
	name      string
	namespace string
	labels    map[string]string
	address   netip.Addr
}

// network decides about connections as the NetworkPolicy API says a network plugin must.
type network struct{ policies []*networkingv1.NetworkPolicy }

func (n network) allows(from, to endpoint, protocol corev1.Protocol, port int) bool {
	return n.side(networkingv1.PolicyTypeEgress, from, to, protocol, port) &&
		n.side(networkingv1.PolicyTypeIngress, to, from, protocol, port)
}

// side is one end's say: a pod that no policy of this type selects may do anything, any other only what one of them
// permits.
func (n network) side(
	direction networkingv1.PolicyType, subject, peer endpoint, protocol corev1.Protocol, port int,
) bool {
	isolated := false
	for _, p := range n.policies {
		if p.Namespace != subject.namespace || !matches(&p.Spec.PodSelector, subject.labels) ||
			!slices.Contains(p.Spec.PolicyTypes, direction) {
			continue
		}
		isolated = true
		if direction == networkingv1.PolicyTypeIngress {
			for _, rule := range p.Spec.Ingress {
				if anyPort(rule.Ports, protocol, port) && anyPeer(rule.From, p.Namespace, peer) {
					return true
				}
			}
			continue
		}
		for _, rule := range p.Spec.Egress {
			if anyPort(rule.Ports, protocol, port) && anyPeer(rule.To, p.Namespace, peer) {
				return true
			}
		}
	}
	return !isolated
}

func matches(selector *metav1.LabelSelector, on map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(on))
}

func anyPort(ports []networkingv1.NetworkPolicyPort, protocol corev1.Protocol, port int) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		return *p.Protocol == protocol && (p.Port == nil || p.Port.IntValue() == port)
	})
}

func anyPeer(peers []networkingv1.NetworkPolicyPeer, namespace string, e endpoint) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		switch {
		case p.IPBlock != nil:
			in := func(cidr string) bool { return netip.MustParsePrefix(cidr).Contains(e.address) }
			return e.address.IsValid() && in(p.IPBlock.CIDR) && !slices.ContainsFunc(p.IPBlock.Except, in)
		case e.address.IsValid():
			return false
		case p.NamespaceSelector != nil:
			there := map[string]string{"kubernetes.io/metadata.name": e.namespace}
			return matches(p.NamespaceSelector, there) && (p.PodSelector == nil || matches(p.PodSelector, e.labels))
		default:
			return e.namespace == namespace && matches(p.PodSelector, e.labels)
		}
	})
}

func address(text string) endpoint { return endpoint{name: text, address: netip.MustParseAddr(text)} }

// outside are the endpoints that are not the application's.
func outside() []endpoint {
	return []endpoint{
		{name: "entry", namespace: "entry", labels: map[string]string{"app": "controller"}},
		{name: "dns", namespace: "kube-system", labels: map[string]string{"k8s-app": "kube-dns"}},
		{name: "system", namespace: "kube-system", labels: map[string]string{"k8s-app": "other"}},
		{name: "stranger", namespace: "default", labels: map[string]string{"app": "stranger"}},
		// A pod of another application that pretends to be one of this.
		{name: "twin", namespace: "twin", labels: map[string]string{
			manifest.LabelName: "seek", manifest.LabelComponent: "web",
		}},
		address("192.0.2.7"), address("2001:db8::7"), // documentation addresses: they stand for the internet
		address("10.0.0.9"), address("100.64.0.1"), address("172.16.5.5"), address("192.168.1.1"),
		address("169.254.169.254"), address("fd00::1"), address("fe80::1"),
	}
}

// matrix lists every connection that the rendered policies allow between the application's pods, and between them and
// everything outside, on every port that could matter.
func matrix(t *testing.T, a app.App) []string {
	t.Helper()
	m, err := manifest.Render(a, lab.Cluster())
	require.NoError(t, err)
	n := network{policies: all[networkingv1.NetworkPolicy](m)}
	ends := outside()
	for id, pod := range podsOf(m) {
		ends = append(ends, endpoint{name: id, namespace: a.Name, labels: pod.Labels})
	}
	ours := func(e endpoint) bool { return e.namespace == a.Name }
	var got []string
	for _, from := range ends {
		for _, to := range ends {
			if !ours(from) && !ours(to) {
				continue
			}
			for _, port := range []struct {
				name     string
				protocol corev1.Protocol
				number   int
			}{
				{"22", "TCP", 22}, {"25", "TCP", 25}, {"53", "TCP", 53}, {"53/udp", "UDP", 53}, {"80", "TCP", 80},
				{"443", "TCP", 443}, {"443/udp", "UDP", 443}, {"2000", "TCP", 2000}, {"3000", "TCP", 3000},
				{"3000/udp", "UDP", 3000}, {"3306", "TCP", 3306}, {"6443", "TCP", 6443}, {"8089", "TCP", 8089},
				{"8983", "TCP", 8983}, {"10250", "TCP", 10250}, {"33060", "TCP", 33060},
			} {
				if n.allows(from, to, port.protocol, port.number) {
					got = append(got, from.name+" -> "+to.name+":"+port.name)
				}
			}
		}
	}
	slices.Sort(got)
	return got
}

func TestWhoReachesWhomInSEEK(t *testing.T) {
	t.Parallel()
	want := []string{
		"Deployment/web -> StatefulSet/db:3306",
		"Deployment/web -> StatefulSet/solr:8983",
		"Deployment/workers -> StatefulSet/db:3306",
		"Deployment/workers -> StatefulSet/solr:8983",
		"Job/administrator -> StatefulSet/db:3306",
		"Job/settings -> StatefulSet/db:3306",
		"Job/setup -> StatefulSet/db:3306",
		"entry -> Deployment/web:3000",
	}
	for _, web := range []string{"Deployment/web", "Deployment/workers"} {
		for _, internet := range []string{"192.0.2.7", "2001:db8::7"} {
			want = append(want, web+" -> "+internet+":80", web+" -> "+internet+":443")
		}
	}
	for _, pod := range []string{
		"Deployment/web", "Deployment/workers", "Job/administrator", "Job/settings", "Job/setup", "StatefulSet/db",
		"StatefulSet/solr",
	} {
		want = append(want, pod+" -> dns:53", pod+" -> dns:53/udp")
	}
	slices.Sort(want)
	assert.Equal(t, want, matrix(t, seekApp(t, "1.18.1")))
}

func TestANamedEgressReachesItsRangeOnly(t *testing.T) {
	t.Parallel()
	a := seekApp(t, "1.18.1")
	a.Service("web").Egress = []app.Egress{
		{Name: "mail", CIDRs: []string{"10.0.0.0/24"}, Ports: []int{25}, Reason: "it sends mail"},
	}
	got := matrix(t, a)
	var web []string
	for _, connection := range got {
		if len(connection) > 15 && connection[:15] == "Deployment/web " {
			web = append(web, connection)
		}
	}
	assert.Equal(t, []string{
		"Deployment/web -> 10.0.0.9:25", "Deployment/web -> StatefulSet/db:3306",
		"Deployment/web -> StatefulSet/solr:8983", "Deployment/web -> dns:53", "Deployment/web -> dns:53/udp",
	}, web)
}

// TestTheEvaluatorKnowsIsolation shows that the matrix depends on the policies.
func TestTheEvaluatorKnowsIsolation(t *testing.T) {
	t.Parallel()
	m, err := manifest.Render(seekApp(t, "1.18.1"), lab.Cluster())
	require.NoError(t, err)
	policies := all[networkingv1.NetworkPolicy](m)
	pod := func(name string) endpoint {
		return endpoint{namespace: "seek", labels: podsOf(m)[name].Labels}
	}
	web, db := pod("Deployment/web"), pod("StatefulSet/db")
	without := func(name string) network {
		return network{policies: slices.DeleteFunc(slices.Clone(policies), func(p *networkingv1.NetworkPolicy) bool {
			return p.Name == name
		})}
	}
	assert.True(t, network{policies: policies}.allows(web, db, "TCP", 3306))
	assert.False(t, without("web-to-db").allows(web, db, "TCP", 3306), "the receiver must agree")
	assert.False(t, without("all-within").allows(web, db, "TCP", 3306), "and the sender")
	assert.True(t, network{}.allows(web, db, "TCP", 3306), "without policies everything is open")
	stranger := outside()[3]
	assert.False(t, network{policies: policies}.allows(stranger, db, "TCP", 3306))
}
