package compose

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dekcd/dmcloud/components/app"
)

// untagged is an image reference without its tag and digest.
func untagged(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndex(image, ":"); colon > strings.LastIndex(image, "/") {
		return image[:colon]
	}
	return image
}

func image(s *serviceReader) {
	s.out.Image = s.spec.Image
	rule, fix := app.CheckImage(s.spec.Image)
	switch {
	case rule == "":
		s.keep()
	case s.adopting() && s.known.Version != "":
		s.out.Image = untagged(s.spec.Image) + ":" + s.known.Version
		s.harden(fmt.Sprintf("%s; pinned to %s", rule, s.known.Version))
	default:
		s.reject(s.spec.Image, rule, fix)
	}
}

// build makes images on the machine that runs Compose; here they must be somewhere that all machines can fetch from.
func build(s *serviceReader) {
	if s.spec.Image != "" {
		s.say(s.at, Ignored, "the image is fetched from its registry; build and push it there first")
		return
	}
	s.reject(nil, "images are built elsewhere, not while deploying",
		"push the image to a registry and name it: image: registry.example.org/"+slug(s.original)+":<version>")
}

// imageless reports a service that says neither what it runs nor how that would be built.
func (s *serviceReader) imageless() {
	if s.spec.Image == "" && s.raw["build"] == nil && s.raw["image"] == nil && s.raw["provider"] == nil {
		s.refuse(s.path+".image", nil, "is missing", `write "name:version"`)
	}
}

func command(s *serviceReader) {
	if s.key == "entrypoint" {
		s.out.Entrypoint = s.spec.Entrypoint
	} else {
		s.out.Args = s.spec.Command
	}
	switch cleared := s.raw["entrypoint"] != nil && s.spec.Entrypoint != nil && len(s.spec.Entrypoint) == 0; {
	case s.key == "entrypoint" && cleared && len(s.spec.Command) == 0:
		s.out.Entrypoint = nil
		s.reject(nil, "is emptied, and no command says what to run instead", "name the program in command")
		return
	case s.key == "entrypoint" && cleared:
		// The image's own entry point is left out, so the command is the program.
		s.out.Entrypoint, s.out.Args = s.spec.Command, nil
	case s.key == "command" && len(s.spec.Command) == 0:
		s.out.Args = nil
		if s.spec.Command != nil && len(s.spec.Entrypoint) == 0 {
			s.say(s.at, Ignored, "the image's own command can't be taken away, only replaced")
			return
		}
	}
	if !s.adopting() && slices.ContainsFunc(append(slices.Clone(s.out.Entrypoint), s.out.Args...),
		func(word string) bool { return s.looksSecret("", word) }) {
		s.reject(nil, "a secret on a command line is seen by every process", "read it from a file or a variable")
		return
	}
	s.keep()
}

func workingDir(s *serviceReader) {
	s.out.WorkingDir = s.spec.WorkingDir
	s.keep()
}

func environment(s *serviceReader) {
	s.keep()
	s.variablesOf(s.at, s.spec.Environment, &s.out.Env)
}

func envFile(s *serviceReader) {
	if s.source.Assets != nil {
		s.reject(nil, "an embedded Compose file cannot refer to other files", "write the variables in environment")
		return
	}
	s.keep()
	if s.adopting() {
		s.unsetInFiles()
	}
	if _, written := s.raw["environment"]; !written {
		// compose-go has merged the files' variables into the environment.
		s.variablesOf(s.at, s.spec.Environment, &s.out.Env)
	}
}

// unsetInFiles refuses variables in the service's env_files that have no value: the parser makes a blank of them.
func (s *serviceReader) unsetInFiles() {
	for _, file := range s.spec.EnvFiles {
		content, err := os.ReadFile(file.Path)
		if err != nil || file.Format == "raw" {
			continue // what is required and missing has been refused
		}
		defined := map[string]bool{}
		for line := range strings.Lines(string(content)) {
			name, value, assigned := strings.Cut(strings.TrimSpace(line), "=")
			if !assigned || strings.HasPrefix(name, "#") || strings.HasPrefix(value, "'") {
				continue
			}
			for _, match := range plainUse.FindAllStringSubmatch(value, -1) {
				used := cmp.Or(match[1], match[2])
				if _, given := s.environment[used]; used != "" && !given && !defined[used] {
					s.refuseVariable(used, s.at)
				}
			}
			defined[strings.TrimSpace(strings.TrimPrefix(name, "export "))] = true
		}
	}
}

// plainUse finds variables in a text that have no default there.
var plainUse = regexp.MustCompile(`\\\$|\$\$|\$\{([A-Za-z_]\w*)}|\$([A-Za-z_]\w*)`)

// variablesOf adds environment variables; what looks secret becomes a secret.
func (s *serviceReader) variablesOf(at string, environment map[string]*string, env *[]app.EnvVar) {
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		value, here := environment[name], at+"."+name
		unset := s.blank[s.original+"\x00"+name]
		switch {
		case value == nil && !s.adopting():
			s.refuse(here, nil, "has no value", "give it one, or add it to the environment")
		case value == nil || unset != "" && *value == "":
			s.unsetVariable(here, name, unset, env)
		case s.looksSecret(name, *value):
			s.hide(here, name, *value, env)
		default:
			*env = append(*env, app.EnvVar{Name: name, Value: *value})
		}
	}
}

// unsetVariable decides on a variable whose value the file leaves to the environment, which has none: passwords that
// only this application uses are made, keys to somebody else's service can't be, and the rest is as Compose has it.
func (s *serviceReader) unsetVariable(at, name, source string, env *[]app.EnvVar) {
	passed := source == ""
	if passed {
		source = name
	}
	switch secret := LooksSecret(name, "x") || LooksSecret(source, "x"); {
	case passed:
		s.say(at, Ignored, "%s has no value, so the container gets no such variable, as in Compose", source)
	case secret && (foreignSecretNames.MatchString(name) || foreignSecretNames.MatchString(source)):
		s.refuseVariable(source, at)
	case secret:
		made := s.generate(source)
		*env = append(*env, app.EnvVar{Name: name, Secret: made})
		s.say(at, Moved, "%s has no value: generated as the secret %s", source, made)
	default:
		*env = append(*env, app.EnvVar{Name: name})
		s.say(at, Ignored, "%s has no value, so this is blank, as in Compose", source)
	}
}

// hide makes a secret of a literal value.
func (s *serviceReader) hide(at, name, value string, env *[]app.EnvVar) {
	if s.source.Protected && Published(value) {
		s.refuse(at, nil, "is a published default password", "choose another, or leave the value out: one is generated")
		return
	}
	secret := s.move(s.out.Name, name, value)
	if secret == "" {
		s.refuse(at, nil, "is a literal secret and no name is free for it", "declare it in secrets")
		return
	}
	*env = append(*env, app.EnvVar{Name: name, Secret: secret})
	s.hidden[value] = name
	s.say(at, Moved, "the value became the secret %s", secret)
}

func user(s *serviceReader) {
	uid, gid, both := strings.Cut(s.spec.User, ":")
	if known, ok := s.known.Users[uid]; ok && s.adopting() {
		// A name that the image is known to have; its group goes with it.
		s.out.User = known
		s.harden(fmt.Sprintf("%s is %d:%d in this image", uid, known.UID, known.GID))
		return
	}
	u, err := strconv.ParseInt(uid, 10, 64)
	g := u
	if err == nil && both {
		g, err = strconv.ParseInt(gid, 10, 64)
	}
	switch {
	case s.out.Baseline != nil && (uid == "root" || err == nil && u == 0):
		s.say(s.at, Kept, "by an exception of the environment")
		return
	case uid == "root" || err == nil && u == 0:
		fix := `name the image's own user, as in "1000:1000"`
		if s.known.User.UID != 0 {
			fix = fmt.Sprintf(`write user: "%d:%d", which this image works as`, s.known.User.UID, s.known.User.GID)
		}
		s.reject(s.spec.User, "runs as root", fix)
	case err != nil:
		s.reject(s.spec.User, "must be numeric, names are known inside the image only",
			`write "uid:gid", as "docker run --rm --entrypoint id IMAGE" says`)
	case !both:
		s.harden("the group is the user's own id instead of root's")
	default:
		s.keep()
	}
	s.out.User = app.User{UID: u, GID: g}
}

func groupAdd(s *serviceReader) {
	for _, group := range s.spec.GroupAdd {
		id, err := strconv.ParseInt(group, 10, 64)
		if err != nil || id < 1 {
			s.reject(group, "must be numeric and not root's, names are known inside the image only", "write the group's number")
			return
		}
		s.out.Groups = append(s.out.Groups, id)
	}
	s.keep()
}

// terminal is for programs that end at once without one.
func terminal(s *serviceReader) {
	s.out.Terminal, s.out.Input = s.spec.Tty, s.spec.StdinOpen
	s.keep()
}

func readOnly(s *serviceReader) {
	s.out.ReadOnlyRoot = s.spec.ReadOnly
	s.keep()
}
