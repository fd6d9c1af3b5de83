package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// emptyTakesAway annotates a command whose flags take away what they name where they are empty.
var emptyTakesAway = map[string]string{"symphony-empty": "takes away"}

// refuseEmpty refuses flags that are given and empty, as --type "$TYPE" is where TYPE is not set: left out they mean all, or
// the default, which is not what somebody means who gives them. Flags that set the configuration may say nothing.
func refuseEmpty(cmd *cobra.Command) (err error) {
	if cmd.Annotations["symphony-empty"] != "" {
		return nil
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		empty := f.Value.Type() == "string" && f.Value.String() == ""
		if list, ok := f.Value.(pflag.SliceValue); ok {
			empty = len(list.GetSlice()) == 0 || slices.Contains(list.GetSlice(), "")
		}
		if empty && f.Annotations[settingKey] == nil && err == nil {
			err = usageError{fmt.Errorf("--%s must not be empty; leave it out where nothing is meant", f.Name)}
		}
	})
	return err
}

// within says which values a flag takes: numbers, or durations.
func within(low, high, def any) string {
	return fmt.Sprintf("%s to %s (default %s)", figure(low), figure(high), figure(def))
}

// figure is a number, or a duration without the parts that are zero.
func figure(v any) string {
	s := fmt.Sprint(v)
	if _, ok := v.(time.Duration); !ok {
		return s
	}
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
