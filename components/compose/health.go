package compose

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/dekcd/dmcloud/components/app"
)

const (
	// The defaults of a Compose health check,
	// https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck.
	defaultInterval = 30 * time.Second
	defaultTimeout  = 30 * time.Second
	defaultFailures = 3
	// firstStart is how long a service may take to start whose file was written for Docker: databases are set up then.
	firstStart = 10 * time.Minute
)

func stopGracePeriod(s *serviceReader) {
	if s.spec.StopGracePeriod != nil {
		s.out.StopGrace = time.Duration(*s.spec.StopGracePeriod)
	}
	s.keep()
}

func postStart(s *serviceReader) { s.out.PostStart = s.hook(s.spec.PostStart) }

func preStop(s *serviceReader) { s.out.PreStop = s.hook(s.spec.PreStop) }

// hook is a single command of the container's own user: targets know no other.
func (s *serviceReader) hook(hooks []types.ServiceHook) []string {
	if len(hooks) != 1 || !plainHook(hooks[0]) {
		s.reject(nil, "only one command, of the service's own user and environment, is supported",
			"write one script and call that")
		return nil
	}
	s.keep()
	return hooks[0].Command
}

func plainHook(h types.ServiceHook) bool {
	return len(h.Command) > 0 && h.User == "" && !h.Privileged && h.WorkingDir == "" && len(h.Environment) == 0
}

func healthcheck(s *serviceReader) {
	h := s.spec.HealthCheck
	if h == nil || h.Disable || len(h.Test) == 0 || h.Test[0] == "NONE" {
		s.say(s.at, Ignored, "there is nothing to check")
		return
	}
	s.out.Health = &app.Health{
		Interval: defaultInterval, Timeout: defaultTimeout, Retries: defaultFailures,
		Exec: h.Test[1:],
	}
	if h.Test[0] == "CMD-SHELL" {
		s.out.Health.Exec = append([]string{"/bin/sh", "-c"}, h.Test[1:]...)
	}
	if h.Interval != nil {
		s.out.Health.Interval = time.Duration(*h.Interval)
	}
	if h.Timeout != nil {
		s.out.Health.Timeout = time.Duration(*h.Timeout)
	}
	if h.Retries != nil {
		s.out.Health.Retries = int(min(*h.Retries, math.MaxInt32))
	}
	if h.StartPeriod != nil {
		s.out.Health.StartPeriod = time.Duration(*h.StartPeriod)
	}
	if h.StartInterval != nil {
		s.say(s.at+".start_interval", Ignored, "the interval applies from the start")
	}
	if !s.adopting() && slices.ContainsFunc(h.Test, func(word string) bool { return s.looksSecret("", word) }) {
		s.reject(nil, "a secret on a command line is seen by every process", "read it from a file or a variable")
	}
	if s.adopting() {
		// Compose takes what no target can do: no time at all, no try.
		s.out.Health.Interval = max(s.out.Health.Interval, time.Second)
		s.out.Health.Timeout = max(s.out.Health.Timeout, time.Second)
		s.out.Health.Retries = max(s.out.Health.Retries, 1)
		// Docker only says that a container is unhealthy; here it would be stopped amid its first start.
		s.out.Health.StartPeriod = max(s.out.Health.StartPeriod, firstStart)
	}
}

var (
	localURL    = regexp.MustCompile(`^http://(?:localhost|127\.0\.0\.1|\[::1\])(?::(\d{1,5}))?(/[^\s]*)?$`)
	harmless    = regexp.MustCompile(`^(-[fsSq]+|--(fail|silent|show-error|quiet|spider)|-nv|-qO-|-O-|-O|/dev/null|-o)$`)
	orElseExit1 = regexp.MustCompile(`\s*\|\|\s*exit 1\s*$`)
)

// probe turns a health check that only asks for a local page into one that targets make themselves: it costs no process
// and needs no curl in the image.
func (s *serviceReader) probe() {
	h := s.out.Health
	if h == nil || len(h.Exec) == 0 || s.source.Written {
		return
	}
	words := h.Exec
	if len(words) == 3 && words[0] == "/bin/sh" {
		words = strings.Fields(orElseExit1.ReplaceAllString(words[2], ""))
	}
	at := s.path + ".healthcheck"
	if len(words) < 2 || words[0] != "curl" && words[0] != "wget" {
		s.say(at, Kept, "")
		return
	}
	port, page := 0, ""
	for _, word := range words[1:] {
		match := localURL.FindStringSubmatch(strings.Trim(word, `"'`))
		switch {
		case match != nil && page == "":
			port, page = 80, "/"
			if match[1] != "" {
				port, _ = strconv.Atoi(match[1])
			}
			if match[2] != "" {
				page = match[2]
			}
		case !harmless.MatchString(word):
			s.say(at, Kept, "")
			return
		}
	}
	if page == "" || s.out.Port(port) == nil {
		s.say(at, Kept, "")
		return
	}
	h.Exec, h.HTTP, h.Port = nil, page, port
	s.say(at, Hardened, "asked for over the network instead of by a process in the container")
}

// healthy gives a health check to the services that others want healthy and that have none of their own: in Docker the
// image would bring it, which nobody else can ask.
func (r *reader) healthy(services []*serviceReader) {
	byLabel := map[string]*serviceReader{}
	for _, s := range services {
		byLabel[s.out.Name] = s
	}
	for _, s := range services {
		for i, d := range s.out.DependsOn {
			to := byLabel[d.Service]
			if d.Condition != app.Healthy || to == nil || to.out.Health != nil {
				continue
			}
			if to.out.Job != nil {
				s.out.DependsOn[i].Condition = app.Completed
				continue
			}
			tcp := slices.IndexFunc(to.out.Ports, func(p app.Port) bool { return p.Protocol == app.TCP })
			if tcp < 0 {
				continue // the model's own check names it
			}
			to.out.Health = &app.Health{
				TCP: true, Port: to.out.Ports[tcp].Number, Interval: defaultInterval, Timeout: defaultTimeout,
				Retries: defaultFailures, StartPeriod: firstStart,
			}
			r.say(to.path+".healthcheck", Hardened, "%s", fmt.Sprintf(
				"port %d must be open, as %s waits until the service is healthy and the file does not say how to tell",
				to.out.Ports[tcp].Number, s.original))
		}
	}
}
