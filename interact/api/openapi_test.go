package api_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact/api"
	"github.com/cuelight/cuelight/interact/wire"
)

// TestMessagesAreDescribed compares the schemas of answers that are messages of
// the wire too with what is written.
func TestMessagesAreDescribed(t *testing.T) {
	data, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Required   []string
				Properties map[string]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		schema string
		value  any
		extra  []string // which the API adds
	}{
		{"Channel", wire.Health{}, []string{"name", "title"}},
		{"Rendition", wire.HealthRendition{}, nil},
		{"Ladder", wire.HealthLadder{}, nil},
		{"Roster", wire.Roster{}, nil},
		{"RosterViewer", wire.RosterViewer{}, nil},
		{"Receipt", wire.Receipt{}, nil},
		{"Show", api.Show{}, nil},
		{"Result", api.Result{}, nil},
	} {
		schema := doc.Components.Schemas[tc.schema]
		required := make(map[string]bool)
		for _, name := range schema.Required {
			required[name] = true
		}
		fields := len(tc.extra)
		for field := range reflect.TypeOf(tc.value).Fields() {
			name, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
			fields++
			if schema.Properties[name] == nil {
				t.Errorf("AP7 %s.%s is not described", tc.schema, name)
			}
			if required[name] == strings.Contains(rest, "omitempty") {
				t.Errorf("AP7 %s.%s is required: %v", tc.schema, name, required[name])
			}
		}
		if fields != len(schema.Properties) {
			t.Errorf("AP7 %s has %d properties, its message %d", tc.schema, len(schema.Properties), fields)
		}
	}
}
