// Package manifest turns an application (package app) into Kubernetes API objects. It knows neither Pulumi nor a
// cluster: [Render] reads nothing but its arguments.
//
// What the objects promise:
//   - Every pod passes the Pod Security Standard "restricted", and the namespace enforces it in a pinned version; where
//     the environment grants a service the standard "baseline", the namespace says so.
//   - Nothing may connect to anything, except along the named edges of the application.
//   - No Secret value stands in a pod spec or a ConfigMap.
//   - Volumes that hold data are claims of their own, never part of something that is replaced.
package manifest
