package symphony

// What few messages carry is looked up by marks: a storage keeps one for each tag and key of a message and for what
// relates it to others, so that a search looks at the messages alone that have the one it asks for. A mark is its kind,
// which is named as the filter's member is in JSON, a colon, and the value.
//
// A storage finds by a mark, and then looks whether the message has what the filter asks for: the mark may say what the
// message had before it was edited.

// Marks are those of a message. One that began a story has none of it: its id is what is looked for.
func (e *Envelope) Marks() (marks []string) {
	add := func(kind, value string) {
		if value != "" {
			marks = append(marks, kind+":"+value)
		}
	}
	add("idempotencyKey", e.IdempotencyKey)
	add("causationId", e.CausationID)
	add("correlationId", e.CorrelationID)
	if e.Flow != nil {
		add("concurrencyKey", e.Flow.ConcurrencyKey)
		add("groupKey", e.Flow.GroupKey)
	}
	if e.Terms != nil {
		for _, tag := range e.Terms.Tags {
			add("tag", tag)
		}
	}
	return marks
}

// Mark is the one that all messages have which the filter selects, but for the first message of the story that it asks
// for. Where there are several it is the one that presumably fewest messages have. It is empty where there is none, and
// for the messages of one caller, who are looked up by him.
func (f *MessageFilter) Mark() string {
	if f.DispatchedBy != "" {
		return ""
	}
	e := Envelope{IdempotencyKey: f.IdempotencyKey, CausationID: f.CausationID, CorrelationID: f.CorrelationID,
		Flow: &Flow{ConcurrencyKey: f.ConcurrencyKey, GroupKey: f.GroupKey}, Terms: &Terms{Tags: f.Tags}}
	for _, mark := range e.Marks() {
		return mark
	}
	return ""
}

// Story is the id of the first message of the story by whose mark the filter looks, empty where it looks by another
// one. That message does not have the mark.
func (f *MessageFilter) Story() string {
	if f.Mark() == "" || f.IdempotencyKey != "" || f.CausationID != "" {
		return ""
	}
	return f.CorrelationID
}
