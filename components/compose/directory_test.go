package compose_test

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"

	"github.com/dekcd/dmcloud/components/compose"
)

// shop are services that are known by all kinds of names.
func shop() compose.Directory {
	worker, queue := types.ServiceConfig{Name: "worker"}, types.ServiceConfig{Name: "queue"}
	worker.ContainerName, worker.Hostname = "shop_worker_1", "worker.shop.local"
	queue.ContainerName = "web" // taken
	queue.Networks = map[string]*types.ServiceNetworkConfig{
		"back": {Aliases: []string{"bunny", "the_queue"}}, "front": nil,
	}
	web := types.ServiceConfig{Name: "web"}
	web.Links = []string{"db:database", "db", "nobody:nothing"}
	return compose.NewDirectory(&types.Project{Services: types.Services{
		"web": web, "db": {Name: "db"}, "redis_store": {Name: "redis_store"}, "API.internal": {Name: "API.internal"},
		"Search": {Name: "Search"}, "worker": worker, "queue": queue,
	}})
}

func TestVariablesThatNameServices(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		variable, value string
		want            []string
		// text is the value afterwards, when it changes.
		text string
	}{
		"a host":                             {"DB_HOST", "db", []string{"db"}, ""},
		"a name in a variable of any name":   {"CACHE", "db", []string{"db"}, ""},
		"a host with a port":                 {"ANYTHING", "db:5433", []string{"db:5433"}, ""},
		"a fully qualified host":             {"DB_HOST", "db.", []string{"db"}, ""},
		"a URL":                              {"API", "http://web:8000/v1", []string{"web:8000"}, ""},
		"a URL without a port has the usual": {"API", "http://web/v1", []string{"web:80"}, ""},
		"a URL of a database":                {"DATABASE_URL", "postgres://shop:pw@db/shop", []string{"db:5432"}, ""},
		"a driver in the scheme":             {"DB", "postgresql+psycopg2://u:p@db/shop", []string{"db:5432"}, ""},
		"a URL in another":                   {"SPRING", "jdbc:mysql://db/shop", []string{"db:3306"}, ""},
		"a scheme nobody knows":              {"API", "foo://db/shop", []string{"db"}, ""},
		"a list of hosts":                    {"ES_HOSTS", "db,web", []string{"db", "web"}, ""},
		"a list of hosts with ports":         {"BROKERS", "db:1,web:2", []string{"db:1", "web:2"}, ""},
		"a list in JSON":                     {"NODES", `["http://db:9200", "web"]`, []string{"db:9200", "web"}, ""},
		"a list of URLs with passwords": {
			"RABBIT", "amqp://u:p@db,amqp://u:p@web", []string{"db:5672", "web:5672"}, "",
		},
		"a quorum":                          {"VOTERS", "1@db:9093,2@web:9093", []string{"db:9093", "web:9093"}, ""},
		"a source name in Go":               {"DSN", "root:1234@tcp(db:3306)/shop", []string{"db:3306"}, ""},
		"a connection string":               {"ConnectionStrings__Main", "Server=db;Database=web", []string{"db"}, ""},
		"a connection string of PostgreSQL": {"CONNINFO", "host=db dbname=web user=worker", []string{"db"}, ""},
		"a property in options":             {"JAVA_OPTS", "-Xmx1g -Ddb.host=db -Dapp=web", []string{"db"}, ""},
		"only the first of several ports":   {"SERVERS", "server.1=db:2888:3888", []string{"db:2888"}, ""},
		"a name that does not resolve":      {"REDIS_HOST", "redis_store", []string{"redis_store"}, "redis-store"},
		"such a name in a URL": {
			"X", "redis://redis_store:6380/0", []string{"redis_store:6380"}, "redis://redis-store:6380/0",
		},
		"each of several": {
			"XS", "redis_store:1,redis_store:2", []string{"redis_store:1", "redis_store:2"}, "redis-store:1,redis-store:2",
		},
		"a name with a dot":                     {"API_HOST", "API.internal", []string{"API.internal"}, "api-internal"},
		"hosts have no case":                    {"HOST", "Search", []string{"Search"}, ""},
		"the name of a container":               {"X", "http://shop_worker_1:9", []string{"worker:9"}, "http://worker:9"},
		"a host name with a domain":             {"X", "http://worker.shop.local:9", []string{"worker:9"}, "http://worker:9"},
		"an alias":                              {"BROKER", "bunny", []string{"queue"}, ""},
		"an alias that does not resolve":        {"BROKER", "the_queue:1", []string{"queue:1"}, "queue:1"},
		"an alias of a link":                    {"X_HOST", "database", []string{"db"}, ""},
		"a service before somebody's container": {"X_HOST", "web", []string{"web"}, ""},
		"the port of a URL with a user that has the same name": {
			"X", "postgres://db:1234@db:5432/db", []string{"db:5432"}, "",
		},

		"no database":             {"POSTGRES_DB", "web", nil, ""},
		"no name of a database":   {"MYSQL_DATABASE", "redis_store", nil, ""},
		"no user":                 {"DB_USER", "web", nil, ""},
		"no password":             {"DB_PASSWORD", "redis_store", nil, ""},
		"no driver":               {"QUEUE_CONNECTION", "db", nil, ""},
		"no level":                {"LOG_LEVEL", "web", nil, ""},
		"no word of a sentence":   {"MOTD", "the web is down, ask the db team", nil, ""},
		"no part of a word":       {"X_HOST", "webserver", nil, ""},
		"no part of another host": {"X_HOST", "web.example.org", nil, ""},
		"no version":              {"IMAGE", "web:1.2.3", nil, ""},
		"no port above all ports": {"X", "web:70000", nil, ""},
		"no path of a URL":        {"SITE_URL", "https://example.org/web", nil, ""},
		"no database of a URL":    {"DATABASE_URL", "postgres://u:p@pg.example.org/redis_store", nil, ""},
		"no user of a URL":        {"DATABASE_URL", "postgres://redis_store:pw@pg.example.org/x", nil, ""},
		"no user without password": {
			"DATABASE_URL", "postgres://redis_store@pg.example.org/x", nil, "",
		},
		"no parameter of a URL": {
			"DATABASE_URL", "postgres://u:p@db/x?application_name=redis_store", []string{"db:5432"}, "",
		},
		"only the host of a URL is rewritten": {
			"DATABASE_URL", "postgres://redis_store:redis_store@redis_store/redis_store", []string{"redis_store:5432"},
			"postgres://redis_store:redis_store@redis-store/redis_store",
		},
		"the name of a member is not its host": {
			"PEERS", "redis_store=http://redis_store:2380", []string{"redis_store:2380"}, "redis_store=http://redis-store:2380",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, got := shop().Variable(c.variable, c.value)
			assert.Equal(t, c.want, got)
			if c.text == "" {
				c.text = c.value
			}
			assert.Equal(t, c.text, text)
		})
	}
}

func TestCommandsThatNameServices(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		words, want, text []string
	}{
		"an option":             {[]string{"psql", "-h", "db"}, []string{"db"}, nil},
		"an option in one word": {[]string{"--db-host=db"}, []string{"db"}, nil},
		"a long option":         {[]string{"--host", "db", "--port", "1"}, []string{"db"}, nil},
		"a host and port":       {[]string{"wait-for", "db:5432", "--", "run"}, []string{"db:5432"}, nil},
		"an option after an address": {
			[]string{"--redis.addr=redis://redis_store:6379", "serve"}, []string{"redis_store:6379"},
			[]string{"--redis.addr=redis://redis-store:6379", "serve"},
		},
		"a script": {
			[]string{"sh", "-c", "psql -h db -U web shop && curl http://redis_store/web"},
			[]string{"db", "redis_store:80"}, []string{"sh", "-c", "psql -h db -U web shop && curl http://redis-store/web"},
		},
		"a name that does not resolve": {
			[]string{"--bootstrap-server", "redis_store"}, []string{"redis_store"}, []string{
				"--bootstrap-server", "redis-store",
			},
		},
		"no user":        {[]string{"psql", "-U", "web", "--username=db"}, nil, nil},
		"no subcommand":  {[]string{"serve", "web"}, nil, nil},
		"no application": {[]string{"celery", "-A", "worker", "worker"}, nil, nil},
		"no path":        {[]string{"cat", "/etc/hosts/web", "--url", "https://example.org/redis_store"}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := strings.Join(c.words, "\n")
			text, got := shop().Words(c.words...)
			assert.Equal(t, c.want, unique(got))
			if c.text == nil {
				c.text = c.words
			}
			assert.Equal(t, c.text, text)
			assert.Equal(t, before, strings.Join(c.words, "\n"), "the caller's words stay")
		})
	}
}

func unique(list []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range list {
		if !seen[s] {
			out = append(out, s)
		}
		seen[s] = true
	}
	return out
}

func TestFilesThatNameServices(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content string
		want    []string
		text    string
	}{
		"a proxy to a host": {
			"location / { proxy_pass http://redis_store/; }", []string{"redis_store:80"},
			"location / { proxy_pass http://redis-store/; }",
		},
		"a group of servers":   {"upstream app { server web:8000; server db; }", []string{"web:8000", "db"}, ""},
		"a proxy to a program": {"fastcgi_pass worker:9000;\nuwsgi_pass web;", []string{"worker:9000", "web"}, ""},
		"Caddy":                {"example.org {\n  reverse_proxy web\n}", []string{"web"}, ""},
		"HAProxy":              {"backend app\n  server s1 web:80 check", []string{"web:80"}, ""},
		"targets to be measured": {
			"- targets: ['db:9187', \"web:8000\"]\n- targets: ['worker']", []string{"db:9187", "web:8000", "worker"}, "",
		},
		"a target in a block": {"targets:\n  - db:9187\n", []string{"db:9187"}, ""},
		"a setting":           {"[database]\nhost = db\nname = web\n", []string{"db"}, ""},
		"a setting in JSON":   {`{"hostname": "db", "database": "web"}`, []string{"db"}, ""},
		"a container's name":  {"addr: shop_worker_1:1", []string{"worker:1"}, "addr: worker:1"},

		"an address at the end of a sentence": {"# The database is at db:5432. Ask it.", []string{"db:5432"}, ""},
		"no comment":                          {"# the web tier asks the db; redis_store is a cache\n", nil, ""},
		"no section":                          {"[redis_store]\nweb: true\n", nil, ""},
		"no database":                         {"database: redis_store\nusername: web\n", nil, ""},
		"no name of a site":                   {"server_name web.example.org; root /srv/web;", nil, ""},
		"no image":                            {"image: web:1.2.3", nil, ""},
		"nothing":                             {"", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, got := shop().File(c.content)
			assert.Equal(t, c.want, got)
			if c.text == "" {
				c.text = c.content
			}
			assert.Equal(t, c.text, text)
		})
	}
}

func TestNamesThatDoNotResolve(t *testing.T) {
	t.Parallel()
	assert.Equal(t, map[string]string{
		"redis_store": "redis-store", "API.internal": "api-internal", "shop_worker_1": "worker",
		"worker.shop.local": "worker", "the_queue": "queue",
	}, shop().Renamed())
}

// withoutNames leaves of a text what can't be part of a name.
func withoutNames(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return -1
		}
		return r
	}, text)
}

func FuzzDirectoryRead(f *testing.F) {
	for _, seed := range [][2]string{
		{"DATABASE_URL", "postgres://redis_store:p@redis_store:5432/redis_store"}, {"X", "redis_store:99999"}, {
			"", "redis_store",
		},
		{"HOSTS", "redis_store,API.internal;db"}, {"A", "server redis_store:80;\nhost: db"}, {"B", "http://"}, {"C", "@:"},
		{"D", "host=\"redis_store\" é redis_store\xff"}, {"E", "--host redis_store.-.-"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, variable, text string) {
		d := shop()
		known := []string{"API.internal", "Search", "db", "queue", "redis_store", "web", "worker"}
		check := func(got string, mentions []string) {
			assert.Equal(t, withoutNames(text), withoutNames(got), "only names are replaced")
			for _, m := range mentions {
				service, _, _ := strings.Cut(m, ":")
				assert.Contains(t, known, service)
				assert.Contains(t, text, ""+nameIn(text, service), m)
			}
			if len(mentions) == 0 {
				assert.Equal(t, text, got)
			}
		}
		check(d.Variable(variable, text))
		check(d.File(text))
		words, mentions := d.Words("--host", text)
		assert.Len(t, words, 2)
		assert.Equal(t, "--host", words[0])
		check(words[1], mentions)
	})
}

// nameIn is a name of a service that a text holds.
func nameIn(text, service string) string {
	names := map[string][]string{
		"db": {"database", "db"}, "worker": {"shop_worker_1", "worker.shop.local", "worker"}, "queue": {
			"bunny", "the_queue", "queue",
		},
	}
	for _, name := range names[service] {
		if strings.Contains(text, name) {
			return name
		}
	}
	return service
}
