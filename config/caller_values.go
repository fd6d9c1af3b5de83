package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/symphony-messenger/symphony/auth"
)

// scopes is a set of scopes.
type scopes struct{ p *auth.ScopeSet }

func (v scopes) set(in input) error {
	var names []string
	if err := (list{p: &names}).set(in); err != nil {
		return err
	}
	set, err := auth.ParseScopes(strings.Join(names, ","))
	if err != nil {
		return err
	}
	*v.p = set
	return nil
}
func (v scopes) show() any { return v.p.String() }
func (v scopes) describe() string {
	return "a list of " + strings.Join(auth.ScopeNames(), ", ") + ", or none"
}
func (v scopes) mayBeEmpty() bool { return false }

// clients is a mapping of OAuth client ids to scopes, in a variable of the form "id=scopes; id=scopes".
type clients struct{ p *map[string]auth.ScopeSet }

func (v clients) set(in input) error {
	pairs := in.pairs
	if in.shape == scalar && !in.fromFile {
		for entry := range strings.SplitSeq(in.text, ";") {
			if id, scopes, _ := strings.Cut(entry, "="); strings.TrimSpace(entry) != "" {
				pairs = append(pairs, pair{strings.TrimSpace(id), scopes})
			}
		}
	} else if err := only(mapping, in); err != nil {
		return err
	}
	all := make(map[string]auth.ScopeSet, len(pairs))
	var errs []error
	for _, p := range pairs {
		set, err := auth.ParseScopes(p.value)
		switch {
		case p.name == "":
			err = errors.New("has an entry without a client id")
		case err != nil:
			err = fmt.Errorf("client %q: %w", p.name, err)
		}
		errs, all[p.name] = append(errs, err), set
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	*v.p = all
	return nil
}

func (v clients) show() any {
	m := make(map[string]string, len(*v.p))
	for id, set := range *v.p {
		m[id] = set.String()
	}
	return m
}
func (v clients) describe() string {
	return "a mapping of client ids to scopes, in a variable like `id=dispatch,read; id2=read`"
}
func (v clients) mayBeEmpty() bool { return true }

// prefixes is a list of addresses and CIDR prefixes.
type prefixes struct{ p *[]netip.Prefix }

func (v prefixes) set(in input) error {
	var texts []string
	if err := (list{p: &texts}).set(in); err != nil {
		return err
	}
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			var addr netip.Addr
			if addr, err = netip.ParseAddr(text); err == nil {
				prefix, err = addr.Unmap().Prefix(addr.Unmap().BitLen())
			}
		}
		if err != nil {
			return fmt.Errorf("must be addresses like 10.0.0.7 or prefixes like 10.0.0.0/8, one is %q", text)
		}
		all[i] = prefix.Masked()
	}
	*v.p = all
	return nil
}

func (v prefixes) show() any {
	texts := make([]string, len(*v.p))
	for i, p := range *v.p {
		texts[i] = p.String()
	}
	return texts
}
func (v prefixes) describe() string { return "a list of addresses and prefixes like 10.0.0.0/8" }
func (v prefixes) mayBeEmpty() bool { return true }
