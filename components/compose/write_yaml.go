package compose

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gopkg.in/yaml.v3"
)

var (
	// plainText needs no quotes in YAML, unless it is one of reservedText.
	plainText    = regexp.MustCompile(`^(\./)?[A-Za-z/][\w./@+-]*(:[\w./@+-]+)*( [\w./@+-]+(:[\w./@+-]+)*)*$`)
	reservedText = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null|nan|inf)$`)
	// spaceAtEnd is what literal blocks of YAML lose, or keep where nobody sees it.
	spaceAtEnd = regexp.MustCompile(`(?m)[ \t]$`)
)

// mapping is a mapping of YAML whose keys stay in order. Its methods leave out what is empty, except put.
type mapping struct{ node *yaml.Node }

func newMapping() *mapping { return &mapping{&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}} }

// put adds a value, unless it is nil.
func (m *mapping) put(key string, value *yaml.Node) *mapping {
	if value != nil {
		m.node.Content = append(m.node.Content, scalar(key), value)
	}
	return m
}

func (m *mapping) orNil() *yaml.Node {
	if len(m.node.Content) == 0 {
		return nil
	}
	return m.node
}

// mapping adds an inner mapping.
func (m *mapping) mapping(key string, inner *mapping) *mapping { return m.put(key, inner.orNil()) }

func (m *mapping) text(key, value string) *mapping {
	if value == "" {
		return m
	}
	return m.put(key, textNode(value))
}

func (m *mapping) texts(key string, values []string) *mapping { return m.put(key, textsNode(values)) }

func (m *mapping) list(key string, items ...*yaml.Node) *mapping { return m.put(key, listNode(items)) }

func (m *mapping) number(key string, value int64) *mapping {
	if value == 0 {
		return m
	}
	return m.put(key, numberNode(value))
}

func (m *mapping) span(key string, value time.Duration) *mapping {
	if value == 0 {
		return m
	}
	return m.put(key, textNode(value.String()))
}

func numberNode(value int64) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(value, 10)}
}

func numbersNode(values []int) *yaml.Node {
	items := make([]*yaml.Node, 0, len(values))
	for _, value := range values {
		items = append(items, numberNode(int64(value)))
	}
	list := listNode(items)
	if list != nil {
		list.Style = yaml.FlowStyle
	}
	return list
}

func truth(on bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(on)}
}

func onlyTrue(on bool) *yaml.Node {
	if !on {
		return nil
	}
	return truth(true)
}

// textNode is a text that Compose does not look for variables in.
func textNode(value string) *yaml.Node { return scalar(strings.ReplaceAll(value, "$", "$$")) }

// scalar is a text in the plainest style that every parser of YAML reads as that text.
func scalar(value string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	switch {
	case plainText.MatchString(value) && !reservedText.MatchString(value):
	case block(value):
		node.Style = yaml.LiteralStyle
	default:
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

// block tells whether a text of several lines reads well, and is safe, as a literal block.
func block(value string) bool {
	return strings.Contains(value, "\n") && !strings.HasSuffix(value, "\n\n") &&
		!unicode.IsSpace(rune(value[0])) && !spaceAtEnd.MatchString(value) &&
		!strings.ContainsFunc(value, func(r rune) bool { return r != '\n' && (r > unicode.MaxASCII || !unicode.IsPrint(r)) })
}

// listNode is nil for an empty list.
func listNode(items []*yaml.Node) *yaml.Node {
	if len(items) == 0 {
		return nil
	}
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: items}
}

// textsNode writes short lists on one line.
func textsNode(values []string) *yaml.Node {
	const width = 80
	items := make([]*yaml.Node, 0, len(values))
	total, lines := 0, false
	for _, value := range values {
		items = append(items, textNode(value))
		total += len(value)
		lines = lines || strings.Contains(value, "\n")
	}
	list := listNode(items)
	if list != nil && total < width && !lines {
		list.Style = yaml.FlowStyle
	}
	return list
}
