package postgres_test

// Types of what follows messages of the model.
const (
	followsSuccess = "Done"
	followsFailure = "Undone"
)

func follows(typ string) bool { return typ == followsSuccess || typ == followsFailure }

// checkFollowers compares, when everything has ended, what has followed with how the sources have ended: each that has
// callbacks has one follower, the right one, whatever calls got no answer.
func (m *model) checkFollowers() {
	var sources, wrong, followers int
	m.query(m.T, `WITH ended AS (
			SELECT id, type, extras, '`+followsSuccess+`' AS next FROM messenger_completed
			UNION ALL SELECT message_id, type, extras, '`+followsFailure+`' FROM messenger_failed_messages
		), sources AS (
			SELECT id, next FROM ended WHERE extras LIKE '%"onSuccess":%'
		), followers AS (
			SELECT type, extras::json ->> 'causationId' AS source FROM ended
			WHERE type IN ('`+followsSuccess+`', '`+followsFailure+`')
		)
		SELECT (SELECT count(*) FROM sources), (SELECT count(*) FROM followers),
			(SELECT count(*) FROM sources s
				WHERE (SELECT count(*) FROM followers f WHERE f.source = s.id::text AND f.type = s.next) <> 1)`,
		&sources, &followers, &wrong)
	if wrong > 0 || sources != followers {
		m.Fatalf("%d messages with callbacks have ended and have %d followers; %d have none, another or several", sources,
			followers, wrong)
	}
}
