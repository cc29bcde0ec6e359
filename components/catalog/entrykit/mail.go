package entrykit

import (
	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/problem"
)

// Mail is an SMTP server.
type Mail struct {
	Host string
	// Port is 587 unless set.
	Port int
	// From is the sender of the platform's mails.
	From string
	// User logs in with the secret mail-password, which the environment then must provide; empty means no login.
	User string
	// Networks are the address ranges of the server. Required when it is on a private network: unless set, only public
	// addresses are reachable.
	Networks []string
}

const defaultMailPort = 587

// WithDefaults is a copy in which everything is set that has a default.
func (m Mail) WithDefaults() Mail {
	Fill(&m.Port, defaultMailPort)
	return m
}

// Check lists what is wrong, with paths such as "host".
func (m Mail) Check() problem.List {
	var problems problem.List
	if !IsHost(m.Host) && !IsAddress(m.Host) {
		problems.Addf("host", m.Host, "", "must be a DNS name or an address")
	}
	if m.Port < 1 || m.Port > 65535 {
		problems.Addf("port", m.Port, "", "must be from 1 to 65535")
	}
	problems = append(problems, Email("from", m.From)...)
	if m.User != "" {
		problems = append(problems, Line("user", m.User)...)
	}
	return append(problems, Networks("networks", m.Networks)...)
}

// Allow lets services reach the server.
func (m Mail) Allow(a *app.App, reason string, services ...string) {
	for _, name := range services {
		service := a.Service(name)
		service.Egress = append(service.Egress, app.Egress{
			Name: "mail", CIDRs: m.Networks, Ports: []int{m.Port}, Reason: reason,
		})
	}
}
