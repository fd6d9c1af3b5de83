package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// optionKey annotates a flag with the name in JSON of the option that it sets.
const optionKey = "symphony-option"

// option is a flag that sets one option of a dispatch. Zero values, like none, leave it out.
type option[T string | int | bool] struct{ to **T }

// addOption adds a flag that sets an option of o, which to is a field of.
func addOption[T string | int | bool](flags *pflag.FlagSet, o *wire.DispatchOptions, to **T, name, short, usage string) {
	f := flags.VarPF(option[T]{to}, name, short, usage)
	if f.Value.Type() == "bool" {
		f.NoOptDefVal = "true"
	}
	f.Annotations = map[string][]string{optionKey: {optionName(o, to)}}
}

// optionName is the name in JSON of a field of o.
func optionName(o *wire.DispatchOptions, field any) string {
	for f, v := range reflect.ValueOf(o).Elem().Fields() {
		if v.Addr().Interface() == field {
			return nameInJSON(f)
		}
	}
	panic(fmt.Sprintf("%T is no field of the options", field))
}

func nameInJSON(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func (o option[T]) Type() string {
	var zero T
	return reflect.TypeOf(zero).String()
}

func (o option[T]) String() string {
	var zero T
	if o.to != nil && *o.to != nil {
		zero = **o.to
	}
	return fmt.Sprint(zero)
}

func (o option[T]) Set(s string) (err error) {
	var v T
	switch p := any(&v).(type) {
	case *string:
		*p = s
	case *int:
		*p, err = strconv.Atoi(s)
	case *bool:
		*p, err = strconv.ParseBool(s)
	}
	if err == nil {
		*o.to = optional(v)
	}
	return err
}
