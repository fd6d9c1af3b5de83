package wire

import (
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// MessageFilter selects messages: in the queries of lists, counts and exports, where it is the enumeration of what can
// be asked for, and in the bodies of work in bulk. A member that is left out selects everything; one that is null or
// empty is refused. Those with the tag reveals look into what messages say.
type MessageFilter struct {
	Status   Names  `json:"status,omitzero" absent:"all" enum:"pending,processing,completed,failed,cancelled"`
	Queue    string `json:"queue,omitzero" absent:"all" minLength:"1"`
	Type     string `json:"type,omitzero" absent:"all" minLength:"1" description:"Exact, or Prefix.* for many."`
	Priority int    `json:"priority,omitzero" absent:"all" minimum:"1" maximum:"10"`

	Q string `json:"q,omitzero" absent:"all" minLength:"1" reveals:"true" description:"Text in type, payload, metadata or headers, of failed messages in type, payload or error, as they are stored; the case of ASCII letters is ignored, every other character is literal."`

	Since *time.Time `json:"since,omitzero" absent:"all" description:"Dispatched (dead letters: failed) at or after."`
	Until *time.Time `json:"until,omitzero" absent:"all" description:"Dispatched (dead letters: failed) before."`

	EndedSince *time.Time `json:"endedSince,omitzero" absent:"all" description:"Ended at or after."`
	EndedUntil *time.Time `json:"endedUntil,omitzero" absent:"all" description:"Ended before."`

	Tag Names `json:"tag,omitzero" absent:"all" description:"All of these."`

	IdempotencyKey string `json:"idempotencyKey,omitzero" absent:"all" minLength:"1" reveals:"true"`
	CorrelationID  string `json:"correlationId,omitzero" absent:"all" minLength:"1"`
	CausationID    string `json:"causationId,omitzero" absent:"all" minLength:"1"`
	GroupKey       string `json:"groupKey,omitzero" absent:"all" minLength:"1" reveals:"true"`
	ConcurrencyKey string `json:"concurrencyKey,omitzero" absent:"all" minLength:"1" reveals:"true"`

	ErrorClass   string `json:"errorClass,omitzero" absent:"all" minLength:"1" description:"Of failed ones."`
	FailureGroup string `json:"failureGroup,omitzero" absent:"all" minLength:"1" description:"Of dead letters."`
	DispatchedBy string `json:"dispatchedBy,omitzero" absent:"all" minLength:"1" description:"Like user:<id>."`
	Worker       string `json:"worker,omitzero" absent:"all" minLength:"1" description:"Has them, or completed them."`

	Metadata Equalities `json:"metadata,omitzero" absent:"all" reveals:"true" description:"For paths into the metadata, names with dots between them, the value there: a string, or a number or boolean as it is spelled in JSON. In a query each is a parameter: metadata.customer.vip=true."`
}

// FailedFilter selects failed messages.
type FailedFilter = MessageFilter

// SelectsAll reports whether the filter selects everything. It is not named IsZero, because JSON would then leave out a
// filter that is given and empty.
func (f *MessageFilter) SelectsAll() bool { return reflect.ValueOf(f).Elem().IsZero() }

// FilterMember is a member of MessageFilter, as a query has it.
type FilterMember struct {
	Name string
	Tag  reflect.StructTag
	Type reflect.Type
	at   int
}

// MetadataPrefix is how the parameters of a query begin that select by metadata.
const MetadataPrefix = "metadata."

// FilterMembers are all members, in their order.
func FilterMembers() (list []FilterMember) {
	for f := range reflect.TypeFor[MessageFilter]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		list = append(list, FilterMember{Name: name, Tag: f.Tag, Type: f.Type, at: f.Index[0]})
	}
	return list
}

// Of is the member's field of a filter.
func (m *FilterMember) Of(f *MessageFilter) any {
	return reflect.ValueOf(f).Elem().Field(m.at).Addr().Interface()
}

// Values sets the parameters of a query that ask for what the filter does.
func (f *MessageFilter) Values(values url.Values) {
	for _, m := range FilterMembers() {
		switch v := m.Of(f).(type) {
		case *string:
			if *v != "" {
				values.Set(m.Name, *v)
			}
		case *int:
			if *v != 0 {
				values.Set(m.Name, strconv.Itoa(*v))
			}
		case *Names:
			if len(*v) > 0 {
				values[m.Name] = *v
			}
		case **time.Time:
			if *v != nil {
				values.Set(m.Name, (*v).UTC().Format(time.RFC3339Nano))
			}
		case *Equalities:
			for path, value := range *v {
				values.Set(MetadataPrefix+path, value)
			}
		}
	}
}
