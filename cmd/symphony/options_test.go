package main

import (
	"reflect"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// Every option of the API has a flag, and sets it; those that mean something else to people are named here.
func TestOptionFlags(t *testing.T) {
	otherwise := map[string]string{
		"scheduledAt": "at", "delay": "delay", "expiresAt": "expires-in", "metadata": "metadata", "headers": "header",
	}
	var f dispatchFlags
	cmd := &cobra.Command{Use: "x"}
	f.add(cmd)
	flags := make(map[string]*pflag.Flag)
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if name := flag.Annotations[optionKey]; name != nil {
			flags[name[0]] = flag
		}
	})
	for field := range reflect.TypeFor[wire.DispatchOptions]().Fields() {
		name := nameInJSON(field)
		flag := flags[name]
		if other := otherwise[name]; other != "" {
			if cmd.Flags().Lookup(other) == nil || flag != nil {
				t.Errorf("--%s is not there, or %s has another flag too", other, name)
			}
			continue
		}
		if flag == nil {
			t.Errorf("option %s has no flag", name)
			continue
		}
		value := map[string]string{"string": "text", "int": "7", "bool": "true", "number": "0", "time": "0s",
			"times": "1s,1m0s",
			"tags":  "a,b", "callback": `{"type":"a","payload":{"n":1.50},"queue":"q"}`}[flag.Value.Type()]
		if err := flag.Value.Set(value); err != nil {
			t.Errorf("--%s %s: %v", flag.Name, value, err)
		}
		if set := reflect.ValueOf(f.options).FieldByIndex(field.Index); set.IsNil() || flag.Value.String() != value {
			t.Errorf("--%s %s has set %s to %s", flag.Name, value, name, flag.Value)
		}
		none := map[string]string{"string": "", "int": "0", "bool": "false"}[flag.Value.Type()]
		if err := flag.Value.Set(none); err != nil {
			t.Error(err)
		}
		if set := reflect.ValueOf(f.options).FieldByIndex(field.Index); !set.IsNil() {
			t.Errorf("--%s does not leave out what is none", flag.Name)
		}
	}
}
