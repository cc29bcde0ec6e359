// Package lab is the application and the cluster that the tests of this folder's packages work with.
package lab

import (
	"time"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
)

// App is an application with one of everything: a web service and a worker that share a volume and come up after a
// release job, a database with a volume of its own, a mail relay.
func App() app.App {
	user := app.User{UID: 1000, GID: 2000}
	root := "it writes its configuration at every start"
	return app.App{
		Name: "lab", Version: "2.1.0",
		Services: []app.Service{
			{
				Name: "api", Image: "registry.example.org/lab:2.1.0", Role: app.RoleWeb, User: user, Replicas: 1,
				WritableRootReason: root,
				Env: []app.EnvVar{
					{Name: "DATABASE", Value: "db"}, {Name: "DATABASE_PASSWORD", Secret: "db-password"},
				},
				Ports:     []app.Port{{Name: "http", Number: 8080, Protocol: app.TCP}},
				Mounts:    []app.Mount{{Path: "/uploads", Volume: "uploads"}, {Path: "/etc/lab.conf", File: "settings"}},
				DependsOn: []app.Dependency{{Service: "db", Condition: app.Healthy}, {Service: "setup", Condition: app.Completed}},
				Egress:    []app.Egress{{Name: "internet", Ports: []int{443}, Reason: "it fetches remote records"}},
				Health: &app.Health{
					HTTP: "/up", Port: 8080, Interval: 10 * time.Second, Timeout: 3 * time.Second, Retries: 3,
					StartPeriod: 2 * time.Minute,
				},
				Resources: app.Resources{CPURequest: 500, CPULimit: 2000, MemoryRequest: 1 << 30, MemoryLimit: 2 << 30},
				StopGrace: 45 * time.Second, PreStop: []string{"quit", "--gently"},
			},
			{
				Name: "db", Image: "mysql:8.4.8", Role: app.RoleDatabase, User: app.User{UID: 999, GID: 999}, Replicas: 1,
				ReadOnlyRoot:  true,
				WritablePaths: []app.WritablePath{{Path: "/tmp"}, {Path: "/run/db", Size: 1 << 20, Memory: true}},
				Env:           []app.EnvVar{{Name: "PASSWORD_FILE", Value: "/run/secrets/db"}},
				Ports:         []app.Port{{Name: "mysql", Number: 3306, Protocol: app.TCP}},
				Mounts: []app.Mount{
					{Path: "/var/lib/mysql", Volume: "records"}, {Path: "/run/secrets/db", Secret: "db-password"},
				},
				Singleton: "two servers on one folder destroy it",
				Health: &app.Health{
					Exec: []string{"ping"}, Interval: 10 * time.Second, Timeout: time.Second, Retries: 2,
				},
				Resources: app.Resources{MemoryLimit: 1 << 30},
			},
			{
				Name: "relay", Image: "registry.example.org/relay:1.0", Role: app.RoleTask, User: user, Replicas: 1,
				ReadOnlyRoot: true, Job: &app.Job{Deadline: 10 * time.Minute},
				DependsOn: []app.Dependency{{Service: "api", Condition: app.Started, NoTraffic: true}},
				Egress: []app.Egress{{
					Name: "mail", CIDRs: []string{"10.1.2.0/24"}, Ports: []int{25, 587}, Reason: "it sends mail",
				}},
			},
			{
				Name: "setup", Image: "registry.example.org/lab:2.1.0", Role: app.RoleTask, User: user, Replicas: 1,
				WritableRootReason: root,
				Job:                &app.Job{Release: true, Deadline: 90 * time.Minute, Retries: 2},
				DependsOn:          []app.Dependency{{Service: "db", Condition: app.Healthy}},
			},
			{
				Name: "worker", Image: "registry.example.org/lab:2.1.0", Role: app.RoleWorker, User: user, Replicas: 1,
				WritableRootReason: root,
				Singleton:          "its queue is not made to run twice",
				Mounts: []app.Mount{
					{Path: "/uploads", Volume: "uploads"}, {Path: "/configuration", Scratch: "configuration"},
				},
				DependsOn: []app.Dependency{
					{Service: "api", Condition: app.Started, NoTraffic: true}, {Service: "setup", Condition: app.Completed},
				},
				Init: []app.Init{{
					Name: "configuration", Image: "registry.example.org/tool:1.0", User: app.User{UID: 3000, GID: 3000},
					Entrypoint: []string{"copy"}, Mounts: []app.Mount{{Path: "/to", Scratch: "configuration"}},
				}},
			},
		},
		Volumes: []app.Volume{
			{Name: "records", Size: 10 << 30, Data: true, Backup: app.BackupMySQL},
			{Name: "uploads", Size: 5 << 30, Shared: true, Backup: app.BackupNone},
		},
		Secrets: []app.Secret{{
			Name: "db-password", Purpose: "password of the database",
			Generate: &app.Generate{Length: 32, Alphabet: app.Alphanumeric},
		}},
		Files: []app.File{{Name: "settings", Content: "colour = blue\n"}},
		Routes: []app.Route{{
			Name: "site", Host: "lab.example.org", Path: "/", Service: "api", Port: 8080,
			BodySize: 3<<30 + 1, Timeout: 5 * time.Minute, After: []string{"relay"},
		}},
	}
}

// Cluster is one that has everything the application asks for.
func Cluster() manifest.Cluster {
	return manifest.Cluster{
		Environment: "test", PodSecurityVersion: "v1.37", StorageClass: "fast", SharedStorageClass: "nfs",
		IngressClass: "public", IngressNamespace: "entry", IngressController: manifest.NGINX,
		TLS: manifest.TLS{Issuer: "letsencrypt"}, Protect: true,
	}
}
