package manifest

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/dekcd/dmcloud/components/app"
)

// IngressController is the software that serves an IngressClass. The Ingress API itself knows neither body sizes nor
// timeouts; each controller reads them from annotations of its own, or from its own configuration.
type IngressController string

// The controllers whose settings are known.
const (
	// Traefik limits no body; its timeouts belong to the entry point, which the cluster's administrator configures.
	Traefik IngressController = "traefik"
	// HAProxy is the controller of haproxy.org.
	HAProxy IngressController = "haproxy"
	// NGINX is the controller of nginx.org (F5). The one of kubernetes.io is at its end of life and not supported.
	NGINX IngressController = "nginx"
	// OtherController sets no annotations; the preview says which limits to configure.
	OtherController IngressController = "other"
)

// IngressControllers are all controllers.
func IngressControllers() []IngressController {
	return []IngressController{Traefik, HAProxy, NGINX, OtherController}
}

// routeLimits says how a controller learns a route's limits.
type routeLimits struct {
	// annotations carry the limits.
	annotations func(app.Route) map[string]string
	// note is a format for the timeout and the host that tells the reader what can't be set from here; empty when
	// everything can.
	note string
}

// limits returns how the controller learns a route's limits. Sources: doc.traefik.io/traefik (entry points, responding
// timeouts), haproxy.com/documentation/kubernetes-ingress, docs.nginx.com/nginx-ingress-controller (annotations).
func (c IngressController) limits() (routeLimits, bool) {
	switch c {
	case Traefik:
		return routeLimits{
			annotations: func(app.Route) map[string]string {
				return map[string]string{"traefik.ingress.kubernetes.io/router.entrypoints": "websecure"}
			},
			note: "Traefik sets timeouts per entry point: respondingTimeouts.readTimeout of websecure must be %s or more " +
				"for uploads to %s.",
		}, true
	case HAProxy:
		return routeLimits{annotations: func(r app.Route) map[string]string {
			return map[string]string{
				"haproxy.org/timeout-server": timeout(r), "haproxy.org/timeout-client": timeout(r),
				"haproxy.org/ssl-redirect": "true",
			}
		}}, true
	case NGINX:
		return routeLimits{annotations: func(r app.Route) map[string]string {
			return map[string]string{
				"nginx.org/client-max-body-size": bodySize(r), "nginx.org/proxy-read-timeout": timeout(r),
				"nginx.org/proxy-send-timeout": timeout(r), "nginx.org/redirect-to-https": "true",
			}
		}}, true
	case OtherController:
		return routeLimits{
			annotations: func(app.Route) map[string]string { return map[string]string{} },
			note:        "The ingress controller must allow requests of %s, and bodies as large as the route does, on %s.",
		}, true
	}
	return routeLimits{}, false
}

func timeout(r app.Route) string { return strconv.Itoa(int(seconds(r.Timeout))) + "s" }

// bodySize is in NGINX's syntax, where 0 means no limit.
func bodySize(r app.Route) string {
	const mebibyte = 1 << 20
	if r.BodySize == 0 {
		return "0"
	}
	return strconv.FormatInt((r.BodySize+mebibyte-1)/mebibyte, 10) + "m"
}

// routes makes one Ingress per route, each with TLS. It opens last: after everything the route waits for.
func (r *renderer) routes() {
	limits, _ := r.cluster.IngressController.limits()
	if issuer := r.cluster.TLS.Issuer; issuer != "" && len(r.app.Routes) > 0 {
		r.note("If the ClusterIssuer %s proves host names by HTTP-01, its solver must set serviceType: ClusterIP; "+
			"the namespace's quota allows no NodePort.", issuer)
	}
	for _, route := range r.app.Routes {
		meta := r.meta(route.Name)
		meta.Annotations = limits.annotations(route)
		if r.cluster.TLS.Issuer != "" {
			meta.Annotations["cert-manager.io/cluster-issuer"] = r.cluster.TLS.Issuer
		}
		if r.cluster.TLS.SelfSigned {
			r.selfSigned(r.tlsSecret(route.Name), route.Host)
		}
		if limits.note != "" {
			r.note(limits.note, timeout(route), route.Host)
		}
		prefix := networkingv1.PathTypePrefix
		after := []string{
			ID(r.kind(r.services[route.Service]), route.Service), ID("Service", route.Service),
			ID("NetworkPolicy", "entry-to-"+route.Name),
		}
		if r.cluster.TLS.SelfSigned {
			after = append(after, ID("Secret", r.tlsSecret(route.Name)))
		}
		for _, s := range route.After {
			after = append(after, ID(r.kind(r.services[s]), s))
		}
		r.add(Object{After: after, Value: &networkingv1.Ingress{
			TypeMeta: typeMeta("networking.k8s.io/v1", "Ingress"), ObjectMeta: meta,
			Spec: networkingv1.IngressSpec{
				IngressClassName: &r.cluster.IngressClass,
				TLS:              []networkingv1.IngressTLS{{Hosts: []string{route.Host}, SecretName: r.tlsSecret(route.Name)}},
				Rules: []networkingv1.IngressRule{{
					Host: route.Host,
					IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
						Paths: []networkingv1.HTTPIngressPath{{
							Path: route.Path, PathType: &prefix,
							Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
								Name: route.Service, Port: networkingv1.ServiceBackendPort{Number: narrow(route.Port)},
							}},
						}},
					}},
				}},
			},
		}})
	}
}

// AnnotationHost is the DNS name a self-signed certificate is made for.
const AnnotationHost = "dmcloud.de/host"

func (r *renderer) selfSigned(name, host string) {
	meta, immutable := r.meta(name), true
	meta.Annotations = map[string]string{AnnotationHost: host}
	r.add(Object{Value: &corev1.Secret{
		TypeMeta: typeMeta("v1", "Secret"), ObjectMeta: meta, Type: corev1.SecretTypeTLS, Immutable: &immutable,
	}})
}

// tlsSecret is the Secret with the route's certificate.
func (r *renderer) tlsSecret(route string) string {
	if r.cluster.TLS.SecretName != "" {
		return r.cluster.TLS.SecretName
	}
	return route + "-tls"
}

// URLs are the public addresses of an application.
func URLs(a app.App) []string {
	var urls []string
	for _, r := range a.Routes {
		urls = append(urls, "https://"+r.Host+strings.TrimSuffix(r.Path, "/"))
	}
	return urls
}
