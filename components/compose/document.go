package compose

import (
	"cmp"
	"slices"
)

// Key is a key of Compose files and what becomes of it.
type Key struct {
	// Name is the key as it stands in a file; Section is what it stands in: "service", "deploy", "volume", "network",
	// "config", "secret" or "file".
	Name    string
	Section string
	// Outcome is the usual one, and Meaning says more.
	Outcome Outcome
	Meaning string
}

// Keys lists every key that the specification has and what becomes of it, by section and name.
func Keys() []Key {
	var keys []Key
	for name, k := range decidedServiceKeys() {
		keys = append(keys, Key{Name: name, Section: "service", Outcome: k.Outcome, Meaning: k.Detail})
	}
	for name, reason := range ignoredServiceKeys() {
		keys = append(keys, Key{Name: name, Section: "service", Outcome: Ignored, Meaning: reason})
	}
	for name, how := range hardenedServiceKeys() {
		keys = append(keys, Key{Name: name, Section: "service", Outcome: Hardened, Meaning: how})
	}
	for name, refusal := range refusedServiceKeys() {
		keys = append(keys, Key{Name: name, Section: "service", Outcome: Refused, Meaning: refusal[0] + "; " + refusal[1]})
	}
	for section, table := range map[string]map[string]Verdict{
		"deploy": deployKeys(), "volume": volumeKeys(), "network": networkKeys(), "config": configKeys(),
		"secret": secretKeys(), "file": fileKeys(),
	} {
		for name, verdict := range table {
			keys = append(keys, Key{Name: name, Section: section, Outcome: verdict.Outcome, Meaning: meaning(verdict)})
		}
	}
	keys = slices.DeleteFunc(keys, func(k Key) bool { return k.Name == "" || k.Name[0] == 'x' && k.Name != extensionKey })
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Section, b.Section), cmp.Compare(a.Name, b.Name))
	})
	return keys
}

func meaning(v Verdict) string {
	if v.Fix != "" {
		return v.Detail + "; " + v.Fix
	}
	return v.Detail
}

// decidedServiceKeys say in a line what the rule of a key does.
func decidedServiceKeys() map[string]Verdict {
	kept := func(detail string) Verdict { return Verdict{Outcome: Kept, Detail: detail} }
	hardened := func(detail string) Verdict { return Verdict{Outcome: Hardened, Detail: detail} }
	refused := func(detail string) Verdict { return Verdict{Outcome: Refused, Detail: detail} }
	return map[string]Verdict{
		extensionKey: kept("what only dmcloud reads: see the documentation of compose.Load"),
		"build": refused("push the image to a registry and name it in `image`; beside " +
			"an `image`, `build` is ignored"),
		"cap_add": refused("but for NET_BIND_SERVICE, and those that only a process needs " +
			"which starts as root: both ignored"),
		"command":        kept("a container's args; secrets in it become Secrets"),
		"configs":        kept("a ConfigMap per file, or a Secret when it holds one; 1 MiB at most"),
		"container_name": {Outcome: Ignored, Detail: "others that use the name still reach the service"},
		"cpus":           kept("the limit of processors"),
		"depends_on": kept("the order in which things are made, each when the ones before " +
			"are ready; also who may talk to whom"),
		"deploy":     kept("see below"),
		"entrypoint": kept("a container's command; emptied, `command` becomes the program"),
		"env_file":   kept("read when converting"),
		"environment": {Outcome: Moved, Detail: "passwords, tokens and keys become Secrets, one per " +
			"value; the rest is kept"},
		"expose":      kept("ports of the service, ranges of up to 100 too"),
		"extends":     kept("by the parser"),
		"extra_hosts": kept("host aliases of the pod; `host-gateway` is refused"),
		"gpus":        kept("whole GPUs of NVIDIA by number; `all` is refused"),
		"group_add":   kept("supplemental groups, numeric"),
		"healthcheck": hardened("startup, readiness and liveness probes; asking a local " +
			"page becomes an HTTP probe"),
		"hostname": kept("the pod's host name"),
		"image": hardened("a version or digest is kept; of well-known images a moving tag " +
			"is pinned, of others it is refused"),
		"ipc": refused("when it shares something; private is kept"),
		"labels": {Outcome: Ignored, Detail: "the environment labels what it makes; routes " +
			"come from `expose` there"},
		"links":           kept("who may talk to whom, under which name"),
		"mem_limit":       kept("the limit of memory"),
		"mem_reservation": kept("the request for memory"),
		"network_mode":    refused("when it shares a network; `bridge` is kept, `none` cuts the service off"),
		"networks": hardened("services of one network reach each other's ports, by " +
			"NetworkPolicies; aliases are further Services"),
		"pid":      refused("when it shares something; private is kept"),
		"platform": kept("the architecture of the nodes"),
		"ports": hardened("a ClusterIP Service; a route or load balancer only when " +
			"the environment asks for it"),
		"post_start": kept("one command of the service's own user"),
		"pre_stop":   kept("one command of the service's own user"),
		"privileged": refused("gives control over the host"),
		"profiles":   kept("the environment says which are active"),
		"read_only":  kept("the root file system of the container"),
		"restart": {Outcome: Ignored, Detail: "services are always restarted; `no` makes a job " +
			"of what serves nobody"},
		"scale":             kept("replicas"),
		"secrets":           kept("files in the container, readable for its own user only"),
		"security_opt":      hardened("no new privileges, system calls filtered, for all; what weakens that is refused"),
		"shm_size":          kept("a folder in memory at /dev/shm"),
		"stop_grace_period": kept("how long stopping may take"),
		"stdin_open":        kept("the container's standard input stays open"),
		"tty":               kept("the container has a terminal"),
		"sysctls":           kept("those that stay within the pod; others are refused"),
		"tmpfs":             kept("folders in memory"),
		"user": kept("numeric, or a name that the image is known to have; root is " +
			"refused; unsaid, the image's own is used"),
		"userns_mode": refused("when it shares something; private is kept"),
		"uts":         refused("when it shares something; private is kept"),
		"volumes": hardened("named ones become claims, shared ones for many nodes (RWX); files and folders of " +
			"configuration beside the Compose file are carried along; folders that are not there become claims; the rest of " +
			"the host is refused"),
		"working_dir": kept("of the container"),
	}
}

// fileKeys are those at the top of a file.
func fileKeys() map[string]Verdict {
	return map[string]Verdict{
		"configs":    {Outcome: Kept, Detail: "see below"},
		"include":    {Outcome: Kept, Detail: "by the parser"},
		"models":     {Outcome: Ignored, Detail: "no service may use one, as no target has a model runner"},
		"name":       {Outcome: Ignored, Detail: "the environment names the application"},
		"networks":   {Outcome: Kept, Detail: "see below"},
		"secrets":    {Outcome: Kept, Detail: "see below"},
		"services":   {Outcome: Kept, Detail: "see below"},
		"version":    {Outcome: Ignored, Detail: "the Compose specification has no versions any more"},
		"volumes":    {Outcome: Kept, Detail: "see below"},
		extensionKey: {Outcome: Kept, Detail: "the platform's version"},
	}
}
