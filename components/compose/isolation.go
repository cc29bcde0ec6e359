package compose

import (
	"maps"
	"slices"
	"strings"

	"github.com/dekcd/dmcloud/components/app"
)

func privileged(s *serviceReader) {
	if s.spec.Privileged {
		s.reject(true, "gives control over the host", "remove it")
		return
	}
	s.keep()
}

// namespace allows what is private to the container anyway and refuses every sharing.
func namespace(s *serviceReader) {
	value, _ := s.raw[s.key].(string)
	switch value {
	case "", "private", "bridge", "default", "shareable":
		s.keep()
	case "none":
		s.out.Networks = nil
		s.harden("nothing may talk to it, and it to nothing outside")
	case "host":
		s.reject(value, "shares a namespace of the host", "remove it")
	default:
		s.reject(value, "shares a namespace with others", "remove it")
	}
}

// startCapabilities are those of Docker's default that only a process needs which starts as root and then prepares
// files for somebody else or becomes somebody else,
// https://docs.docker.com/engine/containers/run/#runtime-privilege-and-linux-capabilities.
func startCapabilities() []string {
	return []string{
		"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "SETFCAP", "SETGID", "SETPCAP",
		"SETUID", "SYS_CHROOT",
	}
}

func capAdd(s *serviceReader) {
	needed := false
	for _, capability := range s.spec.CapAdd {
		plain := strings.TrimPrefix(strings.ToUpper(capability), "CAP_")
		switch {
		case plain == "NET_BIND_SERVICE":
		case slices.Contains(startCapabilities(), plain), plain == "SYS_NICE":
			needed = true
		case plain == "IPC_LOCK":
			s.reject(capability, "locks memory of the host",
				"remove it, and set disable_mlock (Vault) or bootstrap.memory_lock=false (Elasticsearch)")
			return
		default:
			s.reject(capability, "gives rights over the host", "remove it")
			return
		}
	}
	if needed {
		s.say(s.at, Ignored, "only a process that starts as root has a use for it, or the scheduler of the host")
		return
	}
	s.say(s.at, Ignored, "low ports need no capability in a container")
}

func securityOpt(s *serviceReader) {
	for _, option := range s.spec.SecurityOpt {
		switch strings.ReplaceAll(option, "=", ":") {
		case "no-new-privileges", "no-new-privileges:true", "seccomp:runtime/default", "label:disable",
			"apparmor:docker-default":
		default:
			s.reject(option, "weakens the isolation of the container", "remove it")
			return
		}
	}
	s.harden("privileges cannot be gained and system calls are filtered in every container")
}

func sysctls(s *serviceReader) {
	for _, name := range slices.Sorted(maps.Keys(s.spec.Sysctls)) {
		if !slices.Contains(app.SafeSysctls(), name) {
			s.reject(name, "changes the kernel of the host", "remove it, or have it set on the machines")
			return
		}
		s.out.Sysctls = append(s.out.Sysctls, app.Sysctl{Name: name, Value: s.spec.Sysctls[name]})
	}
	s.keep()
}
