package compose

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/dekcd/dmcloud/components/app"
)

// minimumLiteral is how long a secret must be to be looked for in other texts: shorter ones stand there by chance.
const minimumLiteral = 8

var (
	// flagValue is an option with its value in one word: "--password=x".
	flagValue = regexp.MustCompile(`^(-{1,2}[A-Za-z][\w.-]*=)(.+)$`)
	// flag is an option whose value is the next word.
	flag = regexp.MustCompile(`^-{1,2}[A-Za-z][\w.-]*$`)
	// optionInScript is an option with its value in a shell script, and setInScript a variable that one sets.
	optionInScript = regexp.MustCompile(`(--?[A-Za-z][\w.-]*[= ])` + valueInScript)
	setInScript    = regexp.MustCompile(`((?:^|[\s;|&(])[A-Za-z_]\w*=)` + valueInScript)
	// clientPassword is the password of a MySQL client, which follows its option without a gap.
	clientPassword = regexp.MustCompile(`(\b(?:mysql|mariadb)[\w-]*\s(?:[^|;&]*?\s)?-p)` + valueInScript)
	// wordInScript is a word of a shell script, quotes left out.
	wordInScript = regexp.MustCompile(`[^\s"'$;|&<>()]+`)
)

const valueInScript = `("[^"$]+"|'[^']+'|[^\s"'$;|&]+)`

// hideLiterals takes secrets out of command lines and health checks, when all of them are known: from the variables of
// any service, and from options such as --password.
func (r *reader) hideLiterals(services []*serviceReader) {
	if !r.adopting() {
		return
	}
	for _, s := range services {
		s.out.Entrypoint = s.hideOptions(s.path+".entrypoint", s.out.Entrypoint)
		s.out.Args = s.hideOptions(s.path+".command", s.out.Args)
	}
	for _, s := range services {
		s.out.Entrypoint = s.hideKnown(s.path+".entrypoint", s.out.Entrypoint)
		s.out.Args = s.hideKnown(s.path+".command", s.out.Args)
		if s.out.Health != nil && len(s.out.Health.Exec) > 0 {
			s.out.Health.Exec = s.hideInCheck(s.out.Health.Exec)
		}
		s.hideInVariables()
	}
}

// hideInVariables moves variables whose values hold a secret that stands elsewhere, whatever their names are.
func (s *serviceReader) hideInVariables() {
	for i, e := range s.out.Env {
		if e.Secret != "" || len(e.Value) < minimumLiteral {
			continue
		}
		if !slices.ContainsFunc(s.knownLiterals(), func(value string) bool { return standsIn(e.Value, value) }) {
			continue
		}
		if secret := s.move(s.out.Name, e.Name, e.Value); secret != "" {
			s.out.Env[i] = app.EnvVar{Name: e.Name, Secret: secret}
			s.say(s.path+".environment."+e.Name, Moved, "the value holds a secret and became one, %s", secret)
		}
	}
}

func secretFlag(name, value string) bool {
	name = strings.ReplaceAll(strings.Trim(name, "-= ;|&(\t\n"), "-", "_")
	if strings.ContainsAny(value, "$") || strings.HasPrefix(value, "/") {
		return false // says where the secret is
	}
	return LooksSecret(name, value) || secretFlags.MatchString(name)
}

// hideOptions finds the values of options that are secret, and words that are secret by their form.
func (s *serviceReader) hideOptions(at string, words []string) []string {
	out := slices.Clone(words)
	for i, word := range words {
		match := flagValue.FindStringSubmatch(word)
		switch {
		case match != nil && secretFlag(strings.TrimSuffix(match[1], "="), match[2]):
			out[i] = match[1] + s.expanded(at, match[1], match[2])
		case i > 0 && flag.MatchString(words[i-1]) && words[i-1] != "-c" && !strings.HasPrefix(word, "-") &&
			secretFlag(words[i-1], word):
			out[i] = s.expanded(at, words[i-1], word)
		case strings.ContainsAny(word, " \n"):
			out[i] = s.hideInScript(at, word)
		case LooksSecret("", word):
			out[i] = s.expanded(at, "argument", word)
		}
	}
	return out
}

func (s *serviceReader) hideInScript(at, script string) string {
	for _, setting := range []*regexp.Regexp{setInScript, optionInScript} {
		script = setting.ReplaceAllStringFunc(script, func(text string) string {
			match := setting.FindStringSubmatch(text)
			value := strings.Trim(match[2], `"'`)
			if !secretFlag(match[1], value) {
				return text
			}
			return match[1] + strings.Replace(match[2], value, s.expanded(at, match[1], value), 1)
		})
	}
	return wordInScript.ReplaceAllStringFunc(script, func(word string) string {
		if LooksSecret("", word) {
			return s.expanded(at, "argument", word)
		}
		return word
	})
}

// expanded is what to write instead of a secret in a command: the target puts the value of a variable there.
func (s *serviceReader) expanded(at, what, value string) string {
	if s.source.Protected && Published(value) {
		s.refuse(at, nil, "holds a published default password", "choose another")
		return value
	}
	variable := s.hidden[value]
	if variable == "" {
		variable = s.freeVariable(variableFor(what))
		secret := s.move(s.out.Name, variable, value)
		if secret == "" {
			s.refuse(at, nil, "holds a literal secret and no name is free for it", "declare it in secrets")
			return value
		}
		s.out.Env = append(s.out.Env, app.EnvVar{Name: variable, Secret: secret})
		s.hidden[value] = variable
		s.say(at, Moved, "the value became the secret %s, handed over by the variable %s", secret, variable)
	}
	if !slices.Contains(s.out.Expand, variable) {
		s.out.Expand = append(s.out.Expand, variable)
	}
	return "$(" + variable + ")"
}

func (s *serviceReader) freeVariable(name string) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(s.out.Env, func(e app.EnvVar) bool { return e.Name == name })
	}
	free := name
	for i := 2; taken(free); i++ {
		free = fmt.Sprintf("%s_%d", name, i)
	}
	return free
}

// known are the literals that are secrets, longest first, so that no rest of one stays behind.
func (r *reader) knownLiterals() []string {
	if r.sortedOf == len(r.literal) {
		return r.sorted
	}
	literals := slices.DeleteFunc(slices.Collect(maps.Keys(r.literal)), func(value string) bool {
		return !distinctive(value)
	})
	r.sorted, r.sortedOf = longestFirst(literals), len(r.literal)
	return r.sorted
}

// distinctive tells whether a secret can be told from other words: it is long, no usual word, and one line.
func distinctive(value string) bool {
	if len(value) < minimumLiteral || strings.Contains(value, "\n") || Published(value) {
		return false
	}
	return strings.ContainsFunc(value, func(c rune) bool { return c < 'a' || c > 'z' })
}

func longestFirst(literals []string) []string {
	slices.SortFunc(literals, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return literals
}

// hideKnown finds secrets that stand in words as they are.
func (s *serviceReader) hideKnown(at string, words []string) []string {
	out := slices.Clone(words)
	for _, value := range s.knownLiterals() {
		for i := range out {
			if standsIn(out[i], value) {
				out[i] = replaceWord(out[i], value, s.expanded(at, "argument", value))
			}
		}
	}
	return out
}

// hideInCheck hands a secret of a health check over by a variable; health checks are not expanded by targets, so a
// shell does it.
func (s *serviceReader) hideInCheck(words []string) []string {
	inShell := len(words) == 3 && words[1] == "-c" && shell.MatchString(words[0])
	var script string
	if inShell {
		script = words[2]
	} else {
		quoted := make([]string, 0, len(words))
		for _, word := range words {
			quoted = append(quoted, quote(word))
		}
		script = strings.Join(quoted, " ")
	}
	before := script
	for _, setting := range []*regexp.Regexp{setInScript, optionInScript, clientPassword} {
		script = setting.ReplaceAllStringFunc(script, func(text string) string {
			match := setting.FindStringSubmatch(text)
			value := strings.Trim(match[2], `"'`)
			if setting != clientPassword && !secretFlag(match[1], value) {
				return text
			}
			if variable := s.handedOver(match[1], value); variable != "" {
				return match[1] + `"${` + variable + `}"`
			}
			return text
		})
	}
	for _, word := range wordInScript.FindAllString(script, -1) {
		if LooksSecret("", word) {
			if variable := s.handedOver("healthcheck-secret", word); variable != "" {
				script = replaceInShell(script, word, variable)
			}
		}
	}
	for _, value := range s.knownLiterals() {
		if standsIn(script, value) {
			script = replaceInShell(script, value, s.handedOver("healthcheck-secret", value))
		}
	}
	if script == before {
		return words
	}
	if inShell {
		return []string{words[0], words[1], script}
	}
	return []string{"/bin/sh", "-c", script}
}

// handedOver is the variable of the container that holds a secret of its health check.
func (s *serviceReader) handedOver(what, value string) string {
	at := s.path + ".healthcheck"
	if s.source.Protected && Published(value) {
		s.refuse(at, nil, "holds a published default password", "choose another")
		return ""
	}
	variable := s.hidden[value]
	if variable == "" {
		variable = s.freeVariable(variableFor(what))
		secret := s.move(s.out.Name, variable, value)
		if secret == "" {
			s.refuse(at, nil, "holds a literal secret and no name is free for it", "declare it in secrets")
			return ""
		}
		s.out.Env = append(s.out.Env, app.EnvVar{Name: variable, Secret: secret})
		s.hidden[value] = variable
	}
	s.say(at, Moved, "a secret is handed over by the variable %s", variable)
	return variable
}

// variableFor is what to call the variable for the value of an option. Short options say nothing.
func variableFor(what string) string {
	name := slug(what)
	if len(name) < len("key") {
		name = "argument"
	}
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// replaceInShell puts a variable in place of a value, whatever quotes the value stands in.
func replaceInShell(script, value, variable string) string {
	var b strings.Builder
	quoted := byte(0)
	for i := 0; i < len(script); {
		if strings.HasPrefix(script[i:], value) && alone(script, i, i+len(value)) {
			switch quoted {
			case '\'':
				b.WriteString(`'"${` + variable + `}"'`)
			case '"':
				b.WriteString(`${` + variable + `}`)
			default:
				b.WriteString(`"${` + variable + `}"`)
			}
			i += len(value)
			continue
		}
		switch c := script[i]; {
		case c == '\\' && quoted != '\'' && i+1 < len(script):
			b.WriteByte(c)
			i++ // what follows is no quote
		case quoted == 0 && (c == '\'' || c == '"'):
			quoted = c
		case c == quoted:
			quoted = 0
		}
		b.WriteByte(script[i])
		i++
	}
	return b.String()
}

// quote writes a word so that a shell takes it as it is.
func quote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// shell is a program that runs a script which is one of its words.
var shell = regexp.MustCompile(`(^|/)(ba|da|a|k|z)?sh$`)

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// standsIn tells whether a value stands in a text by itself, not as a part of a longer word.
func standsIn(text, value string) bool { return replaceWord(text, value, "\x00") != text }

// replaceWord replaces a value wherever it stands alone.
func replaceWord(text, value, with string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		if strings.HasPrefix(text[i:], value) && alone(text, i, i+len(value)) {
			b.WriteString(with)
			i += len(value)
			continue
		}
		b.WriteByte(text[i])
		i++
	}
	return b.String()
}

// alone tells whether no letter or digit touches a part of a text; "-p" before it may, as MySQL's clients take it.
func alone(text string, start, end int) bool {
	before := start == 0 || !wordByte(text[start-1]) || strings.HasSuffix(text[:start], "-p")
	return before && (end == len(text) || !wordByte(text[end]))
}

func wordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_'
}
