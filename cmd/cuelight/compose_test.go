package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const composeDir = "../../deploy/cluster"

// composed is what the test looks at of a compose file.
type composed struct {
	Services map[string]struct {
		Image       string            `yaml:"image"`
		Command     []string          `yaml:"command"`
		Environment map[string]string `yaml:"environment"`
		Secrets     []string          `yaml:"secrets"`
		Configs     []struct{ Source, Target string }
	} `yaml:"services"`
	Secrets map[string]any `yaml:"secrets"`
}

func readCompose(t *testing.T) composed {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(composeDir, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c composed
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// The compose file starts this program as it is: every node's settings are
// understood, and the nodes together have all roles.
func TestComposeFile(t *testing.T) {
	c := readCompose(t)
	config := filepath.Join(composeDir, "node.yaml")
	have, nodes := make(map[string]int), 0
	for name, service := range c.Services {
		for _, s := range service.Secrets {
			if _, ok := c.Secrets[s]; !ok {
				t.Errorf("%s wants secret %s, which is not there", name, s)
			}
		}
		if service.Image != "cuelight" {
			continue
		}
		nodes++
		if len(service.Command) != 3 || service.Command[2] != service.Configs[0].Target {
			t.Errorf("%s starts %v with %v", name, service.Command, service.Configs)
		}
		e := env(service.Environment)
		if out, err := command(t, e, "check-config", "--config", config); err != nil || !strings.Contains(out, "id: "+name) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		for variable := range service.Environment {
			if !slices.Contains([]string{"CUELIGHT_ROLES", "CUELIGHT_NODE_ID", "CUELIGHT_NODE_LISTEN", "CUELIGHT_NODE_URL", "CUELIGHT_NODE_PUBLIC"}, variable) {
				t.Errorf("%s sets %s, which no flag is named by", name, variable)
			}
		}
		for role := range strings.SplitSeq(service.Environment["CUELIGHT_ROLES"], ",") {
			have[role]++
		}
	}
	for _, role := range allRoles {
		if have[role] == 0 {
			t.Errorf("no node has the role %s", role)
		}
	}
	if nodes < 4 || have[roleGateway] < 2 || have[roleEngine] < 2 {
		t.Errorf("%d nodes with roles %v", nodes, have)
	}
}

// What the nodes share is read from files that the compose file brings.
func TestComposeSecrets(t *testing.T) {
	c := readCompose(t)
	s, err := readSettings(filepath.Join(composeDir, "node.yaml"), listenFlags{NodeURL: "http://node:8092", NodeListen: ":8092"})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{s.SecretFile, s.Redis.PasswordFile, s.Postgres.DSNFile} {
		name, ok := strings.CutPrefix(file, "/run/secrets/")
		if _, there := c.Secrets[name]; !ok || !there {
			t.Errorf("%s is not among the secrets", file)
		}
	}
	for _, address := range s.Redis.Addresses {
		host, _, _ := strings.Cut(address, ":")
		if _, ok := c.Services[host]; !ok {
			t.Errorf("redis at %s is no service", host)
		}
	}
}
