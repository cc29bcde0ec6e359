package compose

import "maps"

// serviceRules is what becomes of each key of a service. It covers the whole specification at
// https://github.com/compose-spec/compose-spec/blob/main/05-services.md: a key that is not in here is unknown.
func serviceRules() map[string]serviceRule {
	rules := map[string]serviceRule{
		extensionKey:        extended,
		"build":             build,
		"cap_add":           capAdd,
		"command":           command,
		"configs":           configs,
		"container_name":    containerName,
		"cpus":              legacyResources,
		"depends_on":        dependsOn,
		"deploy":            deploy,
		"entrypoint":        command,
		"env_file":          envFile,
		"environment":       environment,
		"expose":            expose,
		"extends":           (*serviceReader).keep,
		"extra_hosts":       extraHosts,
		"gpus":              gpus,
		"group_add":         groupAdd,
		"healthcheck":       healthcheck,
		"hostname":          hostname,
		"image":             image,
		"ipc":               namespace,
		"labels":            labelKey,
		"links":             links,
		"mem_limit":         legacyResources,
		"mem_reservation":   legacyResources,
		"network_mode":      namespace,
		"networks":          networks,
		"pid":               namespace,
		"platform":          platform,
		"post_start":        postStart,
		"ports":             ports,
		"pre_stop":          preStop,
		"privileged":        privileged,
		"profiles":          (*serviceReader).keep,
		"read_only":         readOnly,
		"restart":           restart,
		"scale":             scale,
		"secrets":           secrets,
		"security_opt":      securityOpt,
		"shm_size":          shmSize,
		"stop_grace_period": stopGracePeriod,
		"sysctls":           sysctls,
		"stdin_open":        terminal,
		"tmpfs":             tmpfs,
		"tty":               terminal,
		"user":              user,
		"userns_mode":       namespace,
		"uts":               namespace,
		"volumes":           volumes,
		"working_dir":       workingDir,
	}
	for key, reason := range ignoredServiceKeys() {
		rules[key] = func(s *serviceReader) { s.say(s.at, Ignored, "%s", reason) }
	}
	for key, how := range hardenedServiceKeys() {
		rules[key] = func(s *serviceReader) { s.harden(how) }
	}
	for key, refusal := range refusedServiceKeys() {
		rules[key] = func(s *serviceReader) { s.reject(nil, refusal[0], refusal[1]) }
	}
	return rules
}

// ignoredServiceKeys have no effect, for the reason given.
func ignoredServiceKeys() map[string]string {
	const target, tuning = "the environment decides", "tuning that the environment does"
	return map[string]string{
		"annotations":        "the environment labels what it makes",
		"attach":             "logs are collected from every service",
		"blkio_config":       tuning,
		"cpu_count":          "set deploy.resources",
		"cpu_percent":        "set deploy.resources",
		"cpu_period":         tuning,
		"cpu_quota":          tuning,
		"cpu_rt_period":      tuning,
		"cpu_rt_runtime":     tuning,
		"cpu_shares":         tuning,
		"cpuset":             tuning,
		"develop":            "only for developing the platform",
		"dns":                target,
		"dns_opt":            target,
		"dns_search":         target,
		"domainname":         target,
		"init":               "the target's runtime ends all processes of a container with it",
		"label_file":         "the environment labels what it makes",
		"log_driver":         "logs are collected by the environment",
		"log_opt":            "logs are collected by the environment",
		"logging":            "logs are collected by the environment",
		"mac_address":        target,
		"mem_swappiness":     tuning,
		"memswap_limit":      "instances get no swap",
		"oom_score_adj":      tuning,
		"pids_limit":         target,
		"pull_policy":        "images are pinned, so any copy is the right one",
		"pull_refresh_after": "images are pinned, so any copy is the right one",
		"stop_signal":        "the image's own stop signal is sent; x-dmcloud.pre-stop can do more before it",
		"storage_opt":        target,
		"ulimits":            "the target's runtime sets them for all containers",
		"umask":              target,
	}
}

// hardenedServiceKeys are already the rule for all services, or safer there.
func hardenedServiceKeys() map[string]string {
	return map[string]string{
		"cap_drop": "all capabilities are dropped",
	}
}

// refusedServiceKeys come with the reason and what to do instead.
func refusedServiceKeys() map[string][2]string {
	return map[string][2]string{
		"cgroup":              {"shares a namespace of the host", "remove it"},
		"cgroup_parent":       {"escapes the limits of the environment", "remove it"},
		"credential_spec":     {"is a Windows feature", "remove it"},
		"device_cgroup_rules": {"gives access to devices of the host", "remove it"},
		"devices":             {"gives access to devices of the host", "remove it; write gpus for a GPU"},
		"dockerfile":          {"images are built elsewhere, not while deploying", "publish the image and name it in image"},
		"external_links":      {"reaches into another application", "allow it with x-dmcloud.egress"},
		"isolation":           {"is a Windows feature", "remove it"},
		"models":              {"needs a model runner, which no target has", "remove it"},
		"net":                 {"is superseded", "remove it"},
		"oom_kill_disable":    {"lets one service take down its machine", "remove it and set deploy.resources"},
		"pre_start":           {"is not supported", "use x-dmcloud.init"},
		"provider":            {"runs a program on the machine that deploys", "remove it"},
		"runtime":             {"is chosen by the environment", "remove it; write gpus for a GPU"},
		"use_api_socket":      {"gives control over the container engine, and with it the host", "remove it"},
		"volume_driver":       {"is chosen by the environment", "remove it"},
		"volumes_from":        {"hides what is mounted", "list the volumes"},
	}
}

// labelKey tells authors of labels for a reverse proxy where routes come from.
func labelKey(s *serviceReader) {
	for label := range maps.Keys(s.spec.Labels) {
		if isProxyLabel(label) {
			s.say(s.at, Ignored, "routes come from expose in the environment, not from labels for a reverse proxy")
			return
		}
	}
	s.say(s.at, Ignored, "the environment labels what it makes")
}
