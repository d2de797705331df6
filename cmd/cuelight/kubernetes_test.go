package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const kubernetesFile = "../../deploy/kubernetes/cuelight.yaml"

// manifest is what the test looks at of an object.
type manifest struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Data     map[string]string
	Spec     struct {
		Selector map[string]any
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
				Containers                    []struct {
					Args []string
					Env  []struct {
						Name, Value string
						ValueFrom   any `yaml:"valueFrom"`
					}
					Ports          []struct{ Name string }
					ReadinessProbe probed `yaml:"readinessProbe"`
					LivenessProbe  probed `yaml:"livenessProbe"`
				}
			}
		}
		Ports []struct {
			TargetPort string `yaml:"targetPort"`
		}
		Metrics []struct {
			Pods struct {
				Metric struct{ Name string }
			}
		}
	}
}

type probed struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

func readManifests(t *testing.T) map[string]manifest {
	t.Helper()
	file, err := os.Open(kubernetesFile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := make(map[string]manifest)
	for from := yaml.NewDecoder(file); ; {
		var m manifest
		switch err := from.Decode(&m); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		name := m.Kind + "/" + m.Metadata.Name
		if _, twice := all[name]; twice || m.Metadata.Namespace != "cuelight" {
			t.Errorf("%s is there twice, or in namespace %q", name, m.Metadata.Namespace)
		}
		all[name] = m
	}
}

// TestKubernetes: the settings of every workload are understood, its probes are
// what the program answers, and together the workloads have all roles.
func TestKubernetes(t *testing.T) {
	all := readManifests(t)
	config := writeFile(t, all["ConfigMap/cuelight"].Data["node.yaml"])
	have := make(map[string]bool)
	for _, name := range []string{"Deployment/gateway", "Deployment/engine", "StatefulSet/ingest"} {
		w := all[name]
		pod := w.Spec.Template.Spec
		if len(pod.Containers) != 1 || pod.TerminationGracePeriodSeconds < 40 {
			t.Fatalf("%s: %+v", name, pod)
		}
		c := pod.Containers[0]
		if !slices.Equal(c.Args, []string{"serve", "--config", "/etc/cuelight/node.yaml"}) {
			t.Errorf("%s starts with %v", name, c.Args)
		}
		if c.ReadinessProbe.HTTPGet != (struct{ Path, Port string }{"/readyz", "admin"}) || c.LivenessProbe.HTTPGet != (struct{ Path, Port string }{"/livez", "admin"}) {
			t.Errorf("%s is probed at %+v, %+v", name, c.ReadinessProbe, c.LivenessProbe)
		}
		vars := make(map[string]string)
		pods := strings.NewReplacer("$(POD_NAME)", w.Metadata.Name+"-7c9f8d6b5f-x2x4q", "$(POD_IP)", "10.1.2.3")
		for _, e := range c.Env {
			if e.ValueFrom == nil {
				vars[e.Name] = pods.Replace(e.Value)
			}
		}
		out, err := command(t, env(vars), "check-config", "--config", config)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		for _, say := range []string{"id: " + vars["CUELIGHT_NODE_ID"], "listen: " + vars["CUELIGHT_NODE_LISTEN"]} {
			if !strings.Contains(out, say) {
				t.Errorf("%s: %q is not in force\n%s", name, say, out)
			}
		}
		for role := range strings.SplitSeq(vars["CUELIGHT_ROLES"], ",") {
			have[role] = true
		}
	}
	if got := slices.Sorted(maps.Keys(have)); !slices.Equal(got, slices.Sorted(slices.Values(allRoles))) {
		t.Errorf("the nodes have the roles %v", got)
	}
}

// TestKubernetesServices: services lead to ports that there are, and gateways are
// added by a metric that there is.
func TestKubernetesServices(t *testing.T) {
	all := readManifests(t)
	for service, workload := range map[string]string{"viewers": "Deployment/gateway", "producers": "Deployment/engine", "ingest": "StatefulSet/ingest"} {
		s, w := all["Service/"+service], all[workload]
		if got, want := fmt.Sprint(s.Spec.Selector), fmt.Sprint(w.Spec.Template.Metadata.Labels); got != want || len(s.Spec.Ports) == 0 {
			t.Errorf("service %s selects %s, %s is %s", service, got, workload, want)
		}
		for _, p := range s.Spec.Ports {
			if !slices.ContainsFunc(w.Spec.Template.Spec.Containers[0].Ports, func(c struct{ Name string }) bool { return c.Name == p.TargetPort }) {
				t.Errorf("service %s leads to port %s", service, p.TargetPort)
			}
		}
	}
	metric := all["HorizontalPodAutoscaler/gateway"].Spec.Metrics[0].Pods.Metric.Name
	if !strings.Contains(descOperating.String(), `"`+metric+`"`) {
		t.Errorf("gateways are added by %s, which is not %s", metric, descOperating)
	}
}
