package config

import (
	"strings"
	"testing"
)

func TestSchedules_keep_every_digit_of_numbers(t *testing.T) {
	for text, want := range map[string]string{
		"1e3": "1e3", "-1.50E+10": "-1.50E+10", "123456789012345678901234567": "123456789012345678901234567", "010": "10", "-007.10": "-7.10", "000": "0",
		"+12": "12", ".5": "0.5", "5.": "5", "0.10": "0.10", "-0": "-0", "1e400": "1e400", "0x1F": "31", "0o17": "15",
		`"1e3"`: `"1e3"`, "'010'": `"010"`, "1e3x": `"1e3x"`, "1.2.3": `"1.2.3"`, "2026-12-01": `"2026-12-01"`, "'+12'": `"+12"`, ".": `"."`, "e5": `"e5"`, "true": "true", "null": "null",
		"[010, 1e3]": "[10,1e3]", "{a: 010}": `{"a":10}`,
	} {
		c, err := loadText(t, "schedules:\n  - name: s\n    cron: '* * * * *'\n    type: T\n    payload:\n      n: "+text+"\n")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := string(c.Schedules[0].Message.Payload); got != `{"n":`+want+`}` {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
}

func TestSchedules_refuse_times_that_cannot_be_kept(t *testing.T) {
	for _, at := range []string{"0001-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00"} {
		_, err := loadText(t, "schedules:\n  - name: s\n    at: "+at+"\n    type: T\n")
		if err == nil || !strings.Contains(err.Error(), "must be in the years 1970 to 9999 (UTC)") {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func TestFile_may_begin_with_a_byte_order_mark(t *testing.T) {
	c, err := loadText(t, "\ufeffschedules:\n  - name: s\n    cron: '* * * * *'\n    type: T\n")
	if err != nil || len(c.Schedules) != 1 {
		t.Errorf("got %+v, %v", c, err)
	}
}
