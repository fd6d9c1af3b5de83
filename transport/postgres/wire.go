package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Queries on the way of every message are sent and read in PostgreSQL's binary formats without a detour over
// reflection: a column of a thousand values is one array parameter.

// epoch is 2000-01-01 UTC in microseconds since 1970: PostgreSQL counts its timestamps from there.
const epoch = 946_684_800_000_000

// micros is a time as it is kept. 0 stands for none everywhere, so the first microsecond of 1970 is kept as the second.
func micros(t time.Time) int64 {
	if us := t.UnixMicro(); us != 0 {
		return us
	}
	return 1
}

// microsUp is for a bound: what is stored, in whole microseconds, is before the result where it is before t.
func microsUp(t time.Time) int64 { return micros(t.Add(time.Microsecond - 1)) }

// fromMicros is the inverse of micros, with 0 for the zero time.
func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// uuid is an id as it is stored.
type uuid [16]byte

// parseUUID reads the usual form of a UUID; anything else is not the id of anything.
func parseUUID(s string) (id uuid, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	var digits [32]byte
	n := copy(digits[:], s[:8])
	n += copy(digits[n:], s[9:13])
	n += copy(digits[n:], s[14:18])
	n += copy(digits[n:], s[19:23])
	copy(digits[n:], s[24:])
	_, err := hex.Decode(id[:], digits[:])
	return id, err == nil
}

func (id uuid) String() string {
	var out [36]byte
	hex.Encode(out[0:8], id[0:4])
	out[8] = '-'
	hex.Encode(out[9:13], id[4:6])
	out[13] = '-'
	hex.Encode(out[14:18], id[6:8])
	out[18] = '-'
	hex.Encode(out[19:23], id[8:10])
	out[23] = '-'
	hex.Encode(out[24:36], id[10:16])
	return string(out[:])
}

// array is a one-dimensional array parameter under construction.
type array struct {
	buf   []byte
	n     int
	nulls bool
}

const arrayHeader = 20

// newArray makes an array of elements of a type, with room for n of the given size.
func newArray(element uint32, n, size int) *array {
	a := &array{buf: make([]byte, arrayHeader, arrayHeader+n*(4+size))}
	binary.BigEndian.PutUint32(a.buf, 1) // dimensions
	binary.BigEndian.PutUint32(a.buf[8:], element)
	binary.BigEndian.PutUint32(a.buf[16:], 1) // lower bound
	return a
}

func (a *array) grow(size int) {
	a.n++
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(size))
}

func (a *array) null() {
	a.n++
	a.nulls = true
	a.buf = binary.BigEndian.AppendUint32(a.buf, 0xffffffff)
}

func (a *array) int2(v int) {
	a.grow(2)
	a.buf = binary.BigEndian.AppendUint16(a.buf, uint16(v))
}

func (a *array) int4(v int) {
	a.grow(4)
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(v))
}

func (a *array) int8(v int64) {
	a.grow(8)
	a.buf = binary.BigEndian.AppendUint64(a.buf, uint64(v))
}

// time adds a time in microseconds since 1970, with NULL for 0.
func (a *array) time(us int64) {
	if us == 0 {
		a.null()
		return
	}
	a.int8(us - epoch)
}

func (a *array) bool(v bool) {
	a.grow(1)
	a.buf = append(a.buf, boolParam(v)...)
}

func (a *array) uuid(id uuid) {
	a.grow(16)
	a.buf = append(a.buf, id[:]...)
}

func (a *array) text(s string) {
	a.grow(len(s))
	a.buf = append(a.buf, s...)
}

// bytes adds text or bytea, with NULL for nothing.
func (a *array) bytes(b []byte) {
	if len(b) == 0 {
		a.null()
		return
	}
	a.grow(len(b))
	a.buf = append(a.buf, b...)
}

// value is the finished parameter.
func (a *array) value() []byte {
	if a.n == 0 {
		binary.BigEndian.PutUint32(a.buf, 0)
		return a.buf[:12]
	}
	if a.nulls {
		binary.BigEndian.PutUint32(a.buf[4:], 1)
	}
	binary.BigEndian.PutUint32(a.buf[12:], uint32(a.n))
	return a.buf
}

func int8s(n int) *array  { return newArray(pgtype.Int8OID, n, 8) }
func int4s(n int) *array  { return newArray(pgtype.Int4OID, n, 4) }
func int2s(n int) *array  { return newArray(pgtype.Int2OID, n, 2) }
func times(n int) *array  { return newArray(pgtype.TimestamptzOID, n, 8) }
func uuids(n int) *array  { return newArray(pgtype.UUIDOID, n, 16) }
func bools(n int) *array  { return newArray(pgtype.BoolOID, n, 1) }
func texts(n int) *array  { return newArray(pgtype.TextOID, n, 16) }
func byteas(n int) *array { return newArray(pgtype.ByteaOID, n, 32) }

// textArray is the parameter of a list of texts.
func textArray(list []string) []byte {
	a := texts(len(list))
	for _, s := range list {
		a.text(s)
	}
	return a.value()
}

// uuidArray is the parameter of a list of ids.
func uuidArray(list []uuid) []byte {
	a := uuids(len(list))
	for _, id := range list {
		a.uuid(id)
	}
	return a.value()
}

// Single parameters.

func int8Param(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }
func int4Param(v int) []byte   { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
func int2Param(v int) []byte   { return binary.BigEndian.AppendUint16(nil, uint16(v)) }

func boolParam(v bool) []byte {
	if v {
		return []byte{1}
	}
	return []byte{0}
}

// timeParam is a time in microseconds since 1970, with NULL for 0.
func timeParam(us int64) []byte {
	if us == 0 {
		return nil
	}
	return int8Param(us - epoch)
}

// Columns of results.

func boolColumn(b []byte) bool  { return b[0] != 0 }
func int2Column(b []byte) int   { return int(int16(binary.BigEndian.Uint16(b))) }
func int4Column(b []byte) int   { return int(int32(binary.BigEndian.Uint32(b))) }
func int8Column(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }

// timeColumn is in microseconds since 1970, with 0 for NULL.
func timeColumn(b []byte) int64 {
	if b == nil {
		return 0
	}
	return int8Column(b) + epoch
}

func uuidColumn(b []byte) (id uuid) {
	copy(id[:], b)
	return id
}

// elements calls f for each element of an array column, with nil for NULL.
func elements(b []byte, f func(i int, element []byte)) {
	if len(b) < arrayHeader {
		return // no dimensions: empty
	}
	n := int(binary.BigEndian.Uint32(b[12:]))
	b = b[arrayHeader:]
	for i := range n {
		size := int32(binary.BigEndian.Uint32(b))
		b = b[4:]
		if size < 0 {
			f(i, nil)
			continue
		}
		f(i, b[:size])
		b = b[size:]
	}
}

// timeArray is the parameter of a list of times in microseconds since 1970.
func int4Array(list ...int) []byte {
	a := int4s(len(list))
	for _, v := range list {
		a.int4(v)
	}
	return a.value()
}

func timeArray(list []int64) []byte {
	a := times(len(list))
	for _, us := range list {
		a.time(us)
	}
	return a.value()
}
