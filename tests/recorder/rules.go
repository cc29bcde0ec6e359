package recorder

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// violations are sentences that name a resource and what to do, sorted.
func violations(options Options, recording *Recording, programErr error) []string {
	var found []string
	report := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }

	urns := map[string]bool{}
	for _, r := range recording.Resources {
		if urns[r.URN] {
			report("%s is registered twice with URN %s; start its name with the name of its component", r, r.URN)
		}
		urns[r.URN] = true
		checkPlacement(options, r, report)
		checkSecrets(r, report)
		checkImages(r, report)
		checkCanaries(options, r, report)
	}
	if programErr == nil {
		checkOutputs(recording, report)
	}
	for i, canary := range options.Canaries {
		if programErr != nil && holds(programErr.Error(), canary) {
			report("the program's error holds canary %d; leave secret values out of errors", i)
		}
		for name, export := range recording.Exports {
			if !export.Secret && holds(fmt.Sprint(export.Value), canary) {
				report("export %q holds canary %d in plain text; wrap it with pulumi.ToSecret", name, i)
			}
		}
	}
	slices.Sort(found)
	return found
}

type reporter func(format string, args ...any)

// checkPlacement is about type, parent and provider.
func checkPlacement(options Options, r Resource, report reporter) {
	packages := append([]string{"dmcloud", "kubernetes", "openstack", "pulumi"}, options.AllowPackages...)
	if !slices.Contains(packages, r.Package()) {
		report("%s is of package %q, which is none of %q; use one of those or put it into recorder.Options.AllowPackages",
			r, r.Package(), packages)
	}
	if r.atRoot() && !r.isComponent() && !r.isProvider() && r.Type != stackReferenceType &&
		!slices.Contains(options.AllowAtRoot, r.Type) {
		report("%s has the stack as parent; give it pulumi.Parent of its component", r)
	}
	managed := r.Custom || r.Remote || r.Read
	if pkg := r.Package(); managed && !r.isProvider() && r.Provider == "" && (pkg == "kubernetes" || pkg == "openstack") {
		report("%s uses the default provider; give it or its component an explicit one", r)
	}
}

// checkOutputs compares counts, as the mocks don't tell whose outputs were registered.
func checkOutputs(recording *Recording, report reporter) {
	var components []string
	for _, r := range recording.Resources {
		if r.isComponent() {
			components = append(components, r.String())
		}
	}
	if missing := len(components) - recording.RegisteredOutputs; missing > 0 {
		slices.Sort(components)
		report("%d of these components did not register outputs: %s; "+
			"end each constructor with ctx.RegisterResourceOutputs", missing, strings.Join(components, ", "))
	}
}

// sensitiveKey matches keys and environment variables whose value is a secret. Keys that only refer to one, such as
// secretName or passwordFile, end differently.
var sensitiveKey = regexp.MustCompile(
	`(?i)(password|passwd|passphrase|secret|token|(private|secret|access|api)[_.-]?key(_base)?)$`)

// credentialText matches text that carries a credential whatever its key.
var credentialText = regexp.MustCompile(
	`-----BEGIN [A-Z ]*PRIVATE KEY-----`)

// credentialAssignment matches a credential set inside a script or a cloud-init document.
var credentialAssignment = regexp.MustCompile(
	`(?i)(password|passwd|passphrase|secret|token|private[_-]?key|api[_-]?key)["']?\s*[:=]\s*["']?[^\s"'$]`)

// checkSecrets wants values that are secret by their nature to be marked secret.
func checkSecrets(r Resource, report reporter) {
	const fix = "wrap it with pulumi.ToSecret"
	isSecretObject := r.Type == "kubernetes:core/v1:Secret"
	walk(r.Inputs, func(path, key string, value resource.PropertyValue) {
		switch {
		case isSecretObject && (strings.HasPrefix(path, "data.") || strings.HasPrefix(path, "stringData.")):
			report("%s has %s in plain text; %s", r, path, fix)
		case !value.IsString() || value.StringValue() == "":
		case isKubeconfig(key, value.StringValue()), sensitiveKey.MatchString(key):
			report("%s has the secret %s in plain text; %s", r, path, fix)
		case credentialText.MatchString(value.StringValue()):
			report("%s has a private key in %s in plain text; %s", r, path, fix)
		case strings.EqualFold(key, "userData") && credentialAssignment.MatchString(value.StringValue()):
			report("%s sets a credential in its user data %s; let the machine fetch it, or mark the whole secret", r, path)
		}
	})
	everyObject(r.Inputs, func(path string, object resource.PropertyMap) {
		name := object["name"]
		value, _ := unwrap(object["value"]) // even marked secret, the cluster shows it to whoever may read the workload
		if name.IsString() && value.IsString() && value.StringValue() != "" && sensitiveKey.MatchString(name.StringValue()) {
			report("%s has the environment variable %s as a literal in %s; take it from a Secret with valueFrom",
				r, name.StringValue(), path)
		}
	})
}

// isKubeconfig tells the contents of a kubeconfig from a path to one.
func isKubeconfig(key, value string) bool {
	return strings.EqualFold(key, "kubeconfig") && strings.ContainsAny(value, "\n{")
}

// checkImages wants every container image to say which version it is.
func checkImages(r Resource, report reporter) {
	everyObject(r.Inputs, func(path string, object resource.PropertyMap) {
		for _, kind := range []resource.PropertyKey{"containers", "initContainers", "ephemeralContainers"} {
			containers, _ := unwrap(object[kind])
			if !containers.IsArray() {
				continue
			}
			for i, c := range containers.ArrayValue() {
				container, _ := unwrap(c)
				if !container.IsObject() {
					continue
				}
				image, _ := unwrap(container.ObjectValue()["image"])
				if image.IsComputed() || (image.IsString() && pinned(image.StringValue())) {
					continue
				}
				report("%s has image %q in %s[%d]; name a version or a digest", r, text(image), join(path, string(kind)), i)
			}
		}
	})
}

// pinned says whether an image has a digest or a tag with a digit in it.
func pinned(image string) bool {
	if strings.Contains(image, "@sha256:") {
		return true
	}
	name := image[strings.LastIndex(image, "/")+1:] // a colon before the last slash is a registry's port
	_, tag, ok := strings.Cut(name, ":")
	return ok && strings.ContainsAny(tag, "0123456789")
}

// checkCanaries looks for planted values. The message must not repeat them.
func checkCanaries(options Options, r Resource, report reporter) {
	for i, canary := range options.Canaries {
		if holds(r.Name, canary) {
			report("the name of a %s holds canary %d; names are never secret", r.Type, i)
			continue
		}
		walk(r.Inputs, func(path, key string, value resource.PropertyValue) {
			switch {
			case holds(key, canary):
				report("%s holds canary %d in a key; keys are never secret", r, i)
			case value.IsString() && holds(value.StringValue(), canary):
				report("%s holds canary %d in plain text in %s; wrap the value with pulumi.ToSecret", r, i, path)
			}
		})
	}
}

// holds says whether a text contains the canary as it is or inside base64.
func holds(text, canary string) bool {
	if strings.Contains(text, canary) {
		return true
	}
	// Base64 depends on where in a group of three bytes the canary starts. The characters at its ends mix with its
	// neighbours, so only those between count.
	for offset := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + canary))
		first := (offset*8 + 5) / 6
		last := (offset + len(canary)) * 8 / 6
		if core := encoded[first:last]; len(core) >= 8 && strings.Contains(text, core) {
			return true
		}
	}
	return false
}

// walk visits every value that is neither secret nor a container, with its path and its nearest key.
func walk(inputs resource.PropertyMap, visit func(path, key string, value resource.PropertyValue)) {
	var step func(path, key string, value resource.PropertyValue)
	step = func(path, key string, value resource.PropertyValue) {
		switch {
		case value.IsSecret() || value.IsComputed():
		case value.IsObject():
			for _, k := range value.ObjectValue().StableKeys() {
				step(join(path, string(k)), string(k), value.ObjectValue()[k])
			}
		case value.IsArray():
			for i, element := range value.ArrayValue() {
				step(fmt.Sprintf("%s[%d]", path, i), key, element)
			}
		default:
			visit(path, key, value)
		}
	}
	step("", "", resource.NewProperty(inputs))
}

// everyObject visits every object, those inside secrets included.
func everyObject(inputs resource.PropertyMap, visit func(path string, object resource.PropertyMap)) {
	var step func(path string, value resource.PropertyValue)
	step = func(path string, value resource.PropertyValue) {
		value, _ = unwrap(value)
		switch {
		case value.IsObject():
			visit(path, value.ObjectValue())
			for _, k := range value.ObjectValue().StableKeys() {
				step(join(path, string(k)), value.ObjectValue()[k])
			}
		case value.IsArray():
			for i, element := range value.ArrayValue() {
				step(fmt.Sprintf("%s[%d]", path, i), element)
			}
		}
	}
	step("", resource.NewProperty(inputs))
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
