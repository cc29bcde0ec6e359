package environment

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Describe says in a few lines what the environment amounts to, for whoever reads a preview: one line per platform,
// then what the stack file itself asks for in storage and computing. What it leaves to the catalogue isn't counted.
func (e Environment) Describe() []string {
	var lines []string
	var storage, cpu, memory resource.Quantity
	for _, p := range e.Platforms {
		if len(p.Compose) > 0 {
			lines = append(lines, p.describeCompose())
			continue
		}
		servers := "1 web server"
		if p.Replicas > 1 {
			servers = fmt.Sprintf("%d web servers", p.Replicas)
		}
		lines = append(lines, fmt.Sprintf("%s: %s %s at https://%s, %s%s",
			p.Name, p.Catalog, p.Version, p.Host, servers, p.extras()))
		for _, size := range p.Sizes {
			storage.Add(size.amount)
		}
		for name, r := range p.Resources {
			times := 1
			if name == "web" {
				times = p.Replicas
			}
			cpu.Add(multiply(r.CPU.Request.amount, times))
			memory.Add(multiply(r.Memory.Request.amount, times))
		}
	}
	var sums []string
	for _, sum := range []struct {
		of     string
		amount resource.Quantity
	}{{"storage", storage}, {"cpu", cpu}, {"memory", memory}} {
		if !sum.amount.IsZero() {
			sums = append(sums, sum.of+" "+sum.amount.String())
		}
	}
	if len(sums) > 0 {
		lines = append(lines, "set in the stack file: "+strings.Join(sums, ", "))
	}
	if rules := e.excepted(); len(rules) > 0 {
		lines = append(lines, "policy exceptions: "+strings.Join(rules, ", "))
	}
	if !e.Protected {
		lines = append(lines, "not protected: its data can be deleted")
	}
	return lines
}

// describeCompose says what is deployed from which files, and where people find it.
func (p Platform) describeCompose() string {
	line := fmt.Sprintf("%s: Compose file %s", p.Name, strings.Join(p.Compose, ", "))
	hosts := slices.Sorted(maps.Values(p.Expose))
	for i, host := range hosts {
		hosts[i] = "https://" + host
	}
	if len(hosts) > 0 {
		line += " at " + strings.Join(hosts, ", ")
	}
	if len(p.Open) > 0 {
		line += ", open beside HTTP: " + strings.Join(slices.Sorted(maps.Keys(p.Open)), ", ")
	}
	return line
}

// extras lists what a platform has besides its usual parts.
func (p Platform) extras() string {
	var extras string
	if !p.Search {
		extras += ", without search"
	}
	if p.Virtuoso {
		extras += ", with Virtuoso"
	}
	if p.Mail != nil {
		extras += ", mail through " + p.Mail.Host
	}
	return extras
}

// excepted lists the rules the environment has exceptions from.
func (e Environment) excepted() []string {
	var rules []string
	for _, exception := range e.Policy.Exceptions {
		rules = append(rules, exception.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

func multiply(amount resource.Quantity, times int) resource.Quantity {
	amount.Mul(int64(times))
	return amount
}
