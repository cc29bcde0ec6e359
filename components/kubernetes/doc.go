// Package kubernetes puts an application (package app) on a Kubernetes cluster.
//
// It works in two steps. [Render] is a pure function: from the application and what is known of the cluster it makes
// Kubernetes API objects, hardened, with the order between them. [NewPlatform] registers each of these objects as the
// typed resource of the Pulumi Kubernetes SDK. What configuration decides is thus decided, and testable, before the
// first resource exists.
//
// What the objects promise:
//   - Every pod passes the Pod Security Standard "restricted", and the namespace enforces it in a pinned version.
//   - Nothing may connect to anything, except along the named edges of the application's dependency graph.
//   - No Secret value stands in a pod spec or a ConfigMap.
//   - Volumes that hold data are claims of their own, never part of something that is replaced.
package kubernetes
