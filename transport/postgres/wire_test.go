package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/symphony-messenger/symphony"
)

// The driver reads what is written here, and the other way round.
func TestArray_is_what_the_driver_writes(t *testing.T) {
	m := pgtype.NewMap()
	at := time.Date(1999, 12, 31, 23, 59, 59, 123456000, time.UTC)
	id := uuid{1, 2, 3, 15: 16}
	text := "ä"
	ints, longs, shorts, stamps, ids, names, raws := int4s(2), int8s(1), int2s(1), times(2), uuids(1), texts(2), byteas(2)
	ints.int4(-1)
	ints.int4(1 << 30)
	longs.int8(-1 << 60)
	shorts.int2(-7)
	stamps.time(micros(at))
	stamps.time(0)
	ids.uuid(id)
	names.text(text)
	names.bytes(nil)
	raws.bytes([]byte{0, 255})
	raws.bytes([]byte{1})
	for name, test := range map[string]struct {
		array *array
		oid   uint32
		value any
	}{
		"int4":        {ints, pgtype.Int4ArrayOID, []int32{-1, 1 << 30}},
		"int8":        {longs, pgtype.Int8ArrayOID, []int64{-1 << 60}},
		"int2":        {shorts, pgtype.Int2ArrayOID, []int16{-7}},
		"timestamptz": {stamps, pgtype.TimestamptzArrayOID, []*time.Time{&at, nil}},
		"uuid":        {ids, pgtype.UUIDArrayOID, [][16]byte{id}},
		"text":        {names, pgtype.TextArrayOID, []*string{&text, nil}},
		"bytea":       {raws, pgtype.ByteaArrayOID, [][]byte{{0, 255}, {1}}},
	} {
		want, err := m.Encode(test.oid, pgtype.BinaryFormatCode, test.value, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, test.array.value()); diff != "" {
			t.Errorf("%s (-driver +ours):\n%s", name, diff)
		}
	}
}

func TestElements_reads_what_was_written(t *testing.T) {
	list := []int64{micros(time.Now()), 0, epoch}
	var got []int64
	elements(timeArray(list), func(i int, e []byte) {
		if i != len(got) {
			t.Errorf("element %d comes as number %d", len(got), i)
		}
		got = append(got, timeColumn(e))
	})
	if diff := cmp.Diff(list, got); diff != "" {
		t.Error(diff)
	}
	for _, empty := range [][]byte{nil, uuidArray(nil), textArray(nil)} {
		elements(empty, func(int, []byte) { t.Error("an empty array has an element") })
	}
}

func TestParseUUID(t *testing.T) {
	id := symphony.NewID(time.Now())
	if u, ok := parseUUID(id); !ok || u.String() != id {
		t.Errorf("%s becomes %s", id, u)
	}
	if u, ok := parseUUID(strings.ToUpper(id)); !ok || u.String() != id {
		t.Errorf("upper case: got %s", u)
	}
	for _, bad := range []string{"", "x", id[1:], id + "0", strings.ReplaceAll(id, "-", "x"), strings.Replace(id, id[:1], "g", 1), "{" + id[1:35] + "}"} {
		if _, ok := parseUUID(bad); ok {
			t.Errorf("%q is taken for a UUID", bad)
		}
	}
}

func TestCleanText_makes_any_text_storable(t *testing.T) {
	for text, want := range map[string]string{"plain": "plain", "a\x00b": "a\uFFFDb", "a\xffb": "a\uFFFDb", "größe": "größe"} {
		if got := cleanText(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
