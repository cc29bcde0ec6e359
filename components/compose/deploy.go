package compose

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/dekcd/dmcloud/components/app"
)

func restart(s *serviceReader) {
	switch s.spec.Restart {
	case "no":
		if s.extension.Job == nil && !s.adopting() {
			s.say(s.at, Ignored, "only x-dmcloud.job makes a job, and every other service is restarted")
			return
		}
		s.keep()
	default:
		s.say(s.at, Ignored, "services that are no jobs are always restarted")
	}
}

func scale(s *serviceReader) {
	if s.spec.Scale != nil {
		s.out.Replicas = *s.spec.Scale
	}
	s.keep()
}

func deployKeys() map[string]Verdict {
	return map[string]Verdict{
		"replicas":        {Outcome: Kept},
		"resources":       {Outcome: Kept},
		"mode":            {Outcome: Kept},
		"labels":          {Outcome: Ignored, Detail: "the environment labels what it makes"},
		"placement":       {Outcome: Kept, Detail: "labels of machines; replicas are spread over machines anyway"},
		"endpoint_mode":   {Outcome: Ignored, Detail: "the environment balances requests"},
		"restart_policy":  {Outcome: Ignored, Detail: "services that are no jobs are always restarted"},
		"update_config":   {Outcome: Hardened, Detail: "instances are replaced one by one, the new one first"},
		"rollback_config": {Outcome: Ignored, Detail: "going back is an update to what was before"},
	}
}

func deploy(s *serviceReader) {
	raw, _ := s.raw["deploy"].(map[string]any)
	s.keyVerdicts(s.at, raw, deployKeys())
	d := s.spec.Deploy
	if d == nil {
		return
	}
	switch d.Mode {
	case "", "replicated":
	case "replicated-job":
		if s.out.Job == nil {
			s.out.Job = &app.Job{Deadline: defaultDeadline, Retries: defaultRetries}
		}
	default:
		s.refuse(s.at+".mode", d.Mode, "one instance per machine is not supported", "set replicas")
	}
	if d.Replicas != nil {
		s.out.Replicas = *d.Replicas
	}
	s.placement(d.Placement)
	for _, one := range []struct {
		name string
		spec *types.Resource
		cpu  *int64
		mem  *int64
	}{
		{"limits", d.Resources.Limits, &s.out.Resources.CPULimit, &s.out.Resources.MemoryLimit},
		{"reservations", d.Resources.Reservations, &s.out.Resources.CPURequest, &s.out.Resources.MemoryRequest},
	} {
		if one.spec == nil {
			continue
		}
		at := s.at + ".resources." + one.name
		*one.cpu, *one.mem = millicores(one.spec.NanoCPUs.Value()), int64(one.spec.MemoryBytes)
		if one.spec.Pids != 0 {
			s.say(at+".pids", Ignored, "the environment limits processes")
		}
		if len(one.spec.GenericResources) > 0 {
			s.refuse(at+".generic_resources", nil, "gives access to devices of the host", "remove them")
		}
		s.devices(at+".devices", one.spec.Devices)
	}
}

// placementConstraint is a label of a machine that must have a value.
var placementConstraint = regexp.MustCompile(`^([\w./-]+)\s*={1,2}\s*(\S*)$`)

// machineLabels are the names that Compose has for what every machine is labelled with,
// https://kubernetes.io/docs/reference/labels-annotations-taints/.
func machineLabels() map[string]string {
	return map[string]string{
		"node.hostname": "kubernetes.io/hostname", "node.platform.arch": labelArchitecture,
		"node.platform.os": "kubernetes.io/os",
	}
}

func (s *serviceReader) placement(p types.Placement) {
	for i, constraint := range p.Constraints {
		at := fmt.Sprintf("%s.placement.constraints[%d]", s.at, i)
		match := placementConstraint.FindStringSubmatch(strings.TrimSpace(constraint))
		switch {
		case strings.HasPrefix(constraint, "node.role"):
			s.say(at, Ignored, "managers and workers are roles of Swarm")
		case match != nil && (!strings.HasPrefix(match[1], "node.") || strings.HasPrefix(match[1], "node.labels.")):
			s.place(strings.TrimPrefix(match[1], "node.labels."), match[2])
		case match != nil && machineLabels()[match[1]] != "":
			s.place(machineLabels()[match[1]], match[2])
		default:
			s.refuse(at, constraint, "only labels of machines that must have a value are supported",
				"write node.labels.<key> == <value>")
		}
	}
}

// place makes a label of a machine a condition.
func (s *serviceReader) place(key, value string) {
	label := app.Label{Key: key, Value: value}
	if !slices.Contains(s.out.Placement, label) {
		s.out.Placement = append(s.out.Placement, label)
	}
}

// platform is an operating system and an architecture, "linux/arm64"; every Kubernetes node says its own in labels.
func platform(s *serviceReader) {
	system, architecture, _ := strings.Cut(s.spec.Platform, "/")
	architecture, _, _ = strings.Cut(architecture, "/")
	if system != "linux" {
		s.reject(s.spec.Platform, "only Linux is supported", `write "linux/amd64" or "linux/arm64"`)
		return
	}
	if architecture != "" {
		s.place(labelArchitecture, architecture)
	}
	s.keep()
}

// labelArchitecture is on every machine of a cluster,
// https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-arch.
const labelArchitecture = "kubernetes.io/arch"

func gpus(s *serviceReader) {
	s.devices(s.at, s.spec.Gpus)
	if s.out.Resources.GPUs > 0 {
		s.keep()
	}
}

// devices grants whole GPUs and no other device.
func (s *serviceReader) devices(at string, requests []types.DeviceRequest) {
	for i, device := range requests {
		here := fmt.Sprintf("%s[%d]", at, i)
		if s.key == "gpus" {
			here = at
		}
		gpu := s.key == "gpus" || slices.Contains(device.Capabilities, "gpu")
		switch count := int64(device.Count); {
		case !gpu || device.Driver != "" && device.Driver != "nvidia":
			s.refuse(here, device.Driver, "gives access to devices of the host", "remove it; GPUs of NVIDIA are supported")
		case len(device.IDs) > 0:
			s.refuse(here, nil, "names devices of one host", "write how many are needed: count: 1")
		case count < 1:
			s.refuse(here, "all", "how many that is depends on the machine", "write how many are needed: count: 1")
		default:
			s.out.Resources.GPUs += count
		}
	}
}

// legacyResources reads the older spelling of deploy.resources; compose-go has checked that both agree.
func legacyResources(s *serviceReader) {
	switch s.key {
	case "cpus":
		s.out.Resources.CPULimit = millicores(s.spec.CPUS)
	case "mem_limit":
		s.out.Resources.MemoryLimit = int64(s.spec.MemLimit)
	case "mem_reservation":
		s.out.Resources.MemoryRequest = int64(s.spec.MemReservation)
	}
	s.keep()
}

func millicores(cores float32) int64 { return int64(math.Round(float64(cores) * 1000)) }
