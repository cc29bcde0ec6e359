package compose

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// directory knows by which names the services of a Compose file are reached: as services, aliases, containers, hosts.
// With it, the texts of a file that was not written for dmcloud are read for who talks to whom, and names that no
// target can resolve are replaced by those that the services have there.
type directory struct {
	// services are the services by every name they have.
	services map[string]string
	// renamed are the names that do not resolve, with what to write instead.
	renamed map[string]string
	// labels are what the services are called where they run.
	labels map[string]string
}

// newDirectory collects the names. A name that several services have is left to the first kind that has it: the
// service's own, then aliases, then those of containers and hosts.
func newDirectory(project *types.Project, labels map[string]string) *directory {
	d := &directory{services: map[string]string{}, renamed: map[string]string{}, labels: labels}
	names := make([]string, 0, len(project.Services))
	for service := range project.Services {
		names = append(names, service)
	}
	slices.Sort(names)
	for _, of := range []func(types.ServiceConfig) []string{
		func(s types.ServiceConfig) []string { return []string{s.Name} },
		aliases,
		func(s types.ServiceConfig) []string { return []string{s.ContainerName, s.Hostname} },
	} {
		for _, service := range names {
			for _, name := range of(project.Services[service]) {
				d.add(name, service)
			}
		}
	}
	for _, service := range names {
		for _, link := range project.Services[service].Links {
			if to, alias, ok := strings.Cut(link, ":"); ok && d.labels[to] != "" {
				d.add(alias, to)
			}
		}
	}
	return d
}

func (d *directory) add(name, service string) {
	if _, taken := d.services[name]; name == "" || taken {
		return
	}
	d.services[name] = service
	// Host names have no case; everything else that is no label does not resolve.
	if !plainName.MatchString(strings.ToLower(name)) || len(name) > maximumName ||
		name == service && !strings.EqualFold(d.labels[service], name) {
		d.renamed[name] = d.labels[service]
	}
}

// aliases are the service's further names in all its networks.
func aliases(s types.ServiceConfig) []string {
	var all []string
	for _, network := range s.Networks {
		if network != nil {
			all = append(all, network.Aliases...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// mention is a place where a text names a service as a host.
type mention struct {
	service string
	// name is the one that was used.
	name string
	// port is the one named with it, or the usual one of the URL's scheme; 0 when there is none.
	port int
	// implied says that the port is the scheme's.
	implied bool
}

// textKind says what a text is, which decides how surely a word in it is a host.
type textKind int

const (
	// variableText is the value of a variable.
	variableText textKind = iota
	// wordText is a word of a command.
	wordText
	// fileText is a configuration file.
	fileText
)

var (
	// dataVariables are variables whose values are names of something else than hosts.
	dataVariables = regexp.MustCompile(`(?i)(^|[_.])(adapter|app|bucket|client_id|cluster|cmd|collection|command|` +
		`component|connection|database|db|dbname|dialect|dir|driver|engine|env|environment|index|keyspace|log\w*|login|` +
		`mode|name|pass\w*|path|prefix|process|queue|realm|role|schema|suffix|tag|task|topic|type|user|username)$`)
	// hostVariables are variables whose values are hosts, alone or in a list.
	hostVariables = regexp.MustCompile(`(?i)(addr|backend|broker|endpoint|host|link|node|peer|proxy|seed|server|` +
		`upstream|ur[li])`)
	// beforeHost is what stands before a host in commands and configuration files.
	beforeHost = regexp.MustCompile(`(?i)(_pass|addr(ess)?(es)?|backend|balancer|bootstrap\S*|brokers?|endpoints?|` +
		`host(name)?s?|nodes?|peers?|proxy_to|reverse_proxy|servers?|targets?|upstream|ur[li]s?|\s-h|^-h)` +
		`["']?\s*[=:\s]\s*["'\[-]*\s*$`)
	// notHost is what follows on the name of a user or of a key.
	notHost = regexp.MustCompile(`^(=|(:[^\s/?#"',]*)?@)`)
	// afterKey is the end of a text in which a key says what follows.
	afterKey = regexp.MustCompile(`=\s*["']?$`)
	// scheme is that of a URL, before its host.
	scheme = regexp.MustCompile(`([a-z][a-z0-9+]*)://[^\s/@]*@?$`)
)

// usualPorts are those of URLs that name none,
// https://www.iana.org/assignments/service-names-port-numbers/service-names-port-numbers.xhtml.
func usualPort(scheme string) int {
	name, _, _ := strings.Cut(scheme, "+")
	return map[string]int{
		"http": 80, "https": 443, "ws": 80, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "mariadb": 3306,
		"redis": 6379, "amqp": 5672, "mongodb": 27017, "nats": 4222, "ldap": 389, "smtp": 25, "memcached": 11211,
	}[name]
}

// lookBehind is how much of the text before a word is looked at.
const lookBehind = 80

// read finds the services that a text names, and gives the text with names that resolve. variable is the name of the
// variable whose value the text is.
func (d *directory) read(kind textKind, variable, text string) (string, []mention) {
	var (
		mentions []mention
		out      strings.Builder
		copied   int
	)
	for start := 0; start < len(text); {
		if !hostByte(text[start]) {
			start++
			continue
		}
		end := start
		for end < len(text) && hostByte(text[end]) {
			end++
		}
		word := strings.TrimRight(text[start:end], ".-")
		mentions = append(mentions, d.many(word, text[end:])...)
		if service, ok := d.services[word]; ok {
			before, after := text[max(0, start-lookBehind):start], text[start+len(word):]
			if port, host := hostPosition(kind, variable, before, after); host {
				mentions = append(mentions, mention{
					service: service, name: word, port: port, implied: port != leadingPort(after),
				})
				if instead, ok := d.renamed[word]; ok {
					out.WriteString(text[copied:start] + instead)
					copied = start + len(word)
				}
			}
		}
		start = end
	}
	if copied == 0 {
		return text, mentions
	}
	out.WriteString(text[copied:])
	return out.String(), mentions
}

// several is a range of numbers that ends the names of several hosts, "minio{1...4}".
var several = regexp.MustCompile(`^\{(\d{1,3})\.\.\.?(\d{1,3})\}(:(\d{1,5}))?`)

// many finds services that a text names together.
func (d *directory) many(word, after string) []mention {
	match := several.FindStringSubmatch(after)
	if match == nil || word == "" {
		return nil
	}
	var mentions []mention
	first, _ := strconv.Atoi(match[1])
	last, _ := strconv.Atoi(match[2])
	for i := first; i <= last; i++ {
		host := word + strconv.Itoa(i)
		if service, ok := d.services[host]; ok {
			mentions = append(mentions, mention{service: service, name: host, port: leadingPort(match[3])})
		}
	}
	return mentions
}

func hostByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_' || b == '.'
}

// hostPosition tells whether a word stands where a host does, and which port goes with it.
func hostPosition(kind textKind, variable, before, after string) (int, bool) {
	inURL := strings.HasSuffix(before, "//")
	if notHost.MatchString(after) || strings.HasSuffix(before, "/") && !inURL {
		return 0, false // somebody at a host, a key, or a part of a path
	}
	if port := leadingPort(after); port > 0 {
		return port, true
	}
	if inURL || strings.HasSuffix(before, "@") {
		port := 0
		if match := scheme.FindStringSubmatch(before); match != nil {
			port = usualPort(match[1])
		}
		return port, true
	}
	switch whole := before == "" && after == ""; {
	case kind == variableText && whole:
		return 0, !dataVariables.MatchString(variable)
	case kind == variableText && !afterKey.MatchString(before):
		return 0, hostVariables.MatchString(variable) && !dataVariables.MatchString(variable)
	default:
		return 0, beforeHost.MatchString(before)
	}
}

// leadingPort reads ":8080"; 0 when there is none, or when more than a number follows, as in a version.
func leadingPort(text string) int {
	if !strings.HasPrefix(text, ":") {
		return 0
	}
	digits := text[1:]
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			ends := digits[i] == '.' && (i+1 == len(digits) || !hostByte(digits[i+1]))
			if hostByte(digits[i]) && !ends {
				return 0
			}
			digits = digits[:i]
			break
		}
	}
	port, err := strconv.Atoi(digits)
	if err != nil || port < 1 || port > 65535 {
		return 0
	}
	return port
}

// words reads the words of a command. A word before another one says what that is: "-h db".
func (d *directory) words(words []string) ([]string, []mention) {
	var mentions []mention
	out := slices.Clone(words)
	for i, word := range words {
		prefix := ""
		if i > 0 && flag.MatchString(words[i-1]) {
			prefix = words[i-1] + " "
		}
		text, found := d.read(wordText, "", prefix+word)
		out[i] = strings.TrimPrefix(text, prefix)
		mentions = append(mentions, found...)
	}
	return out, mentions
}
