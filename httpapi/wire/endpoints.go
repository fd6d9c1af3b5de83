package wire

// Endpoint is one route of the API: what the server registers, the client calls and the OpenAPI document describes.
// Req is the shape of its body and Res that of its usual answer; None stands for none, and for what is not JSON.
type Endpoint[Req, Res any] struct {
	Method string
	Path   string // {id} stands for an id
	// ID is the operationId of the document: a verb and a noun, as generated clients name their methods.
	ID string
}

// None is no body.
type None struct{}

const (
	api        = "/api/symphony"
	messages   = api + "/messages"
	groups     = api + "/failed/groups/{id}"
	queueLimit = api + "/limits/queue/{transport}/{id}"
)

// Dispatch.
var (
	DispatchMessage  = Endpoint[DispatchRequest, DispatchResponse]{"POST", api + "/dispatch", "dispatchMessage"}
	DispatchMessages = Endpoint[BatchRequest, BatchResponse]{"POST", api + "/dispatch/batch", "dispatchMessages"}
)

// Messages.
var (
	ListMessages   = Endpoint[None, MessagesResponse]{"GET", api + "/messages", "listMessages"}
	ExportMessages = Endpoint[None, None]{"GET", api + "/messages/export", "exportMessages"}
	ImportMessages = Endpoint[None, ImportResponse]{"POST", api + "/messages/import", "importMessages"}
	CountMessages  = Endpoint[None, CountsResponse]{"GET", api + "/messages/counts", "countMessages"}
	FindMessage    = Endpoint[None, SearchResponse]{"GET", api + "/search", "findMessage"}
	GetMessage     = Endpoint[None, MessageResponse]{"GET", api + "/messages/{id}", "getMessage"}
	EditMessage    = Endpoint[MessageEdit, MessageResponse]{"PATCH", api + "/messages/{id}", "editMessage"}
	DeleteMessage  = Endpoint[None, DoneResponse]{"DELETE", api + "/messages/{id}", "deleteMessage"}
	CancelMessage  = Endpoint[CancelRequest, CancelResponse]{"POST", api + "/messages/{id}/cancel", "cancelMessage"}
	RunMessageNow  = Endpoint[None, DoneResponse]{"POST", api + "/messages/{id}/run-now", "runMessageNow"}
	ReplayMessage  = Endpoint[ReplayRequest, ReplayResponse]{"POST", api + "/messages/{id}/replay", "replayMessage"}
	ReplayMessages = Endpoint[ReplayManyRequest, PreviewCountResponse]{"POST", api + "/messages/replay", "replayMessages"}

	CancelMessages = Endpoint[CancelManyRequest, PreviewCountResponse]{"POST", messages + "/cancel", "cancelMessages"}
	EditMessages   = Endpoint[EditManyRequest, PreviewCountResponse]{"POST", messages + "/edit", "editMessages"}
	DeleteMessages = Endpoint[DeleteManyRequest, PreviewCountResponse]{"POST", messages + "/delete", "deleteMessages"}
)

// Endpoints that answer otherwise than usually, with what they have started in the background.
var (
	StartReplay       = Endpoint[ReplayManyRequest, OperationResponse](ReplayMessages)
	StartCancel       = Endpoint[CancelManyRequest, OperationResponse](CancelMessages)
	StartEdit         = Endpoint[EditManyRequest, OperationResponse](EditMessages)
	StartDelete       = Endpoint[DeleteManyRequest, OperationResponse](DeleteMessages)
	StartRetryFailed  = Endpoint[BulkRequest, OperationResponse](RetryFailedMessages)
	StartRetryGroup   = Endpoint[GroupRetryRequest, OperationResponse](RetryFailureGroup)
	StartDeleteGroup  = Endpoint[GroupDeleteRequest, OperationResponse](DeleteFailureGroup)
	StartDeleteFailed = Endpoint[BulkRequest, OperationResponse](DeleteFailedMessages)
)

// Tokens for end users.
var (
	CreateToken      = Endpoint[TokenRequest, TokenResponse]{"POST", api + "/messages/{id}/token", "createMessageToken"}
	GetPublicMessage = Endpoint[None, PublicResponse]{"GET", api + "/messages/{id}/public", "getPublicMessage"}
	StreamPublic     = Endpoint[None, None]{"GET", api + "/messages/{id}/public/events", "streamPublicEvents"}
)

// Dead letters.
var (
	ListFailedMessages = Endpoint[None, FailedListResponse]{"GET", api + "/failed", "listFailedMessages"}
	ListFailureGroups  = Endpoint[None, FailureGroupsResponse]{"GET", api + "/failed/groups", "listFailureGroups"}
	RetryFailureGroup  = Endpoint[GroupRetryRequest, GroupPreviewResponse]{
		"POST", groups + "/retry", "retryFailureGroup"}
	DeleteFailureGroup = Endpoint[GroupDeleteRequest, PreviewCountResponse]{
		"POST", groups + "/delete", "deleteFailureGroup"}
	IgnoreFailureGroup = Endpoint[GroupIgnoreRequest, FailureGroupResponse]{
		"POST", groups + "/ignore", "ignoreFailureGroup"}
	ResolveFailureGroup = Endpoint[GroupResolveRequest, FailureGroupResponse]{
		"POST", groups + "/resolve", "resolveFailureGroup"}
	GetFailedMessage     = Endpoint[None, FailedResponse]{"GET", api + "/failed/{id}", "getFailedMessage"}
	RetryFailedMessage   = Endpoint[RetryRequest, RetryResponse]{"POST", api + "/failed/{id}/retry", "retryFailedMessage"}
	DeleteFailedMessage  = Endpoint[None, DoneResponse]{"DELETE", api + "/failed/{id}", "deleteFailedMessage"}
	RetryFailedMessages  = Endpoint[BulkRequest, BulkResponse]{"POST", api + "/failed/retry", "retryFailedMessages"}
	DeleteFailedMessages = Endpoint[BulkRequest, BulkResponse]{"POST", api + "/failed/delete", "deleteFailedMessages"}
	ExportFailedMessages = Endpoint[None, None]{"GET", api + "/failed/export", "exportFailedMessages"}
)

// Workers.
var (
	ConsumeMessages = Endpoint[ConsumeRequest, ConsumeResponse]{"POST", api + "/consume", "consumeMessages"}
	StopWorkers     = Endpoint[None, DoneResponse]{"POST", api + "/workers/stop", "stopWorkers"}
	StartWorkers    = Endpoint[None, DoneResponse]{"POST", api + "/workers/start", "startWorkers"}
	ListNodes       = Endpoint[None, NodesResponse]{"GET", api + "/nodes", "listNodes"}
	StopNode        = Endpoint[None, DoneResponse]{"POST", api + "/nodes/{id}/workers/stop", "stopNode"}
	StartNode       = Endpoint[None, DoneResponse]{"POST", api + "/nodes/{id}/workers/start", "startNode"}
	RunCronWorker   = Endpoint[None, CronResponse]{"POST", "/api/cron/symphony-worker", "runCronWorker"}
)

// Pull workers.
var (
	ReceiveMessages = Endpoint[ReceiveRequest, ReceiveResponse]{"POST", api + "/receive", "receiveMessages"}
	AckMessages     = Endpoint[AckRequest, ReceiptsResponse]{"POST", api + "/ack", "ackMessages"}
	NackMessage     = Endpoint[NackRequest, NackResponse]{"POST", api + "/nack", "nackMessage"}
	ExtendLeases    = Endpoint[ExtendRequest, ReceiptsResponse]{"POST", api + "/extend", "extendLeases"}
)

// Flow control.
var (
	PauseQueue  = Endpoint[HoldRequest, HoldsResponse]{"POST", api + "/pause", "pauseQueue"}
	DrainQueue  = Endpoint[HoldRequest, HoldsResponse]{"POST", api + "/drain", "drainQueue"}
	ResumeQueue = Endpoint[HoldTarget, HoldsResponse]{"POST", api + "/resume", "resumeQueue"}
	ListHolds   = Endpoint[None, HoldsResponse]{"GET", api + "/holds", "listHolds"}
	ListLimits  = Endpoint[None, LimitsResponse]{"GET", api + "/limits", "listLimits"}

	SetTypeLimit     = Endpoint[LimitRequest, LimitsResponse]{"PUT", api + "/limits/type/{id}", "setTypeLimit"}
	DeleteTypeLimit  = Endpoint[None, LimitsResponse]{"DELETE", api + "/limits/type/{id}", "deleteTypeLimit"}
	SetQueueLimit    = Endpoint[LimitRequest, LimitsResponse]{"PUT", queueLimit, "setQueueLimit"}
	DeleteQueueLimit = Endpoint[None, LimitsResponse]{"DELETE", queueLimit, "deleteQueueLimit"}
	SetKeyLimit      = Endpoint[LimitRequest, LimitsResponse]{"PUT", api + "/limits/key/{id}", "setKeyLimit"}
	DeleteKeyLimit   = Endpoint[None, LimitsResponse]{"DELETE", api + "/limits/key/{id}", "deleteKeyLimit"}

	ListHandlers  = Endpoint[None, HandlersResponse]{"GET", api + "/handlers", "listHandlers"}
	GetHandler    = Endpoint[None, HandlerResponse]{"GET", api + "/handlers/{id}", "getHandler"}
	SetHandler    = Endpoint[HandlerRequest, HandlerResponse]{"PUT", api + "/handlers/{id}", "setHandler"}
	DeleteHandler = Endpoint[None, DoneResponse]{"DELETE", api + "/handlers/{id}", "deleteHandler"}
	RotateHandler = Endpoint[HandlerSecretRequest, HandlerResponse]{
		"POST", api + "/handlers/{id}/rotate", "rotateHandlerSecret"}
	RetireHandler = Endpoint[None, HandlerResponse]{"POST", api + "/handlers/{id}/retire", "retireHandlerSecret"}

	PurgeQueue = Endpoint[PurgeRequest, PurgeResponse]{"POST", api + "/purge", "purgeQueue"}
)

// Schedules.
var (
	ListSchedules    = Endpoint[None, SchedulesResponse]{"GET", api + "/schedules", "listSchedules"}
	CreateSchedule   = Endpoint[ScheduleRequest, ScheduleResponse]{"POST", api + "/schedules", "createSchedule"}
	PreviewSchedule  = Endpoint[PreviewRequest, PreviewResponse]{"POST", api + "/schedules/preview", "previewSchedule"}
	GetSchedule      = Endpoint[None, ScheduleResponse]{"GET", api + "/schedules/{id}", "getSchedule"}
	UpdateSchedule   = Endpoint[ScheduleChange, ScheduleResponse]{"PATCH", api + "/schedules/{id}", "updateSchedule"}
	DeleteSchedule   = Endpoint[None, DoneResponse]{"DELETE", api + "/schedules/{id}", "deleteSchedule"}
	EnableSchedule   = Endpoint[None, ScheduleResponse]{"POST", api + "/schedules/{id}/enable", "enableSchedule"}
	DisableSchedule  = Endpoint[None, ScheduleResponse]{"POST", api + "/schedules/{id}/disable", "disableSchedule"}
	SkipSchedule     = Endpoint[SkipRequest, ScheduleResponse]{"POST", api + "/schedules/{id}/skip", "skipSchedule"}
	RunSchedule      = Endpoint[None, ScheduleRunResponse]{"POST", api + "/schedules/{id}/run", "runSchedule"}
	ListScheduleRuns = Endpoint[None, ScheduleRunsResponse]{"GET", api + "/schedules/{id}/runs", "listScheduleRuns"}
	RunCronScheduler = Endpoint[None, SchedulerResponse]{"POST", "/api/cron/symphony-scheduler", "runCronScheduler"}
)

// PatchSchedule is UpdateSchedule with a body that can have null, which takes away what is there.
var PatchSchedule = Endpoint[map[string]any, ScheduleResponse](UpdateSchedule)

// PatchMessage is EditMessage with a body that can have null, which takes away what is there.
var PatchMessage = Endpoint[map[string]any, MessageResponse](EditMessage)

// Operations.
var (
	ListOperations  = Endpoint[None, OperationsResponse]{"GET", api + "/operations", "listOperations"}
	GetOperation    = Endpoint[None, OperationResponse]{"GET", api + "/operations/{id}", "getOperation"}
	StopOperation   = Endpoint[None, OperationResponse]{"POST", api + "/operations/{id}/stop", "stopOperation"}
	ResumeOperation = Endpoint[None, OperationResponse]{"POST", api + "/operations/{id}/resume", "resumeOperation"}
)

// Status.
var (
	GetStatus  = Endpoint[None, StatusResponse]{"GET", api + "/status", "getStatus"}
	ListQueues = Endpoint[None, QueuesResponse]{"GET", api + "/queues", "listQueues"}
	ListTypes  = Endpoint[None, TypesResponse]{"GET", api + "/types", "listTypes"}
)

// Monitoring.
var (
	GetScale    = Endpoint[None, ScaleResponse]{"GET", api + "/scale", "getScale"}
	GetMetrics  = Endpoint[None, MetricsResponse]{"GET", api + "/metrics", "getMetrics"}
	GetHealth   = Endpoint[None, HealthReport]{"GET", api + "/health", "getHealth"}
	ListWorkers = Endpoint[None, WorkersResponse]{"GET", api + "/workers", "listWorkers"}
)

// Events.
var (
	StreamEvents = Endpoint[None, None]{"GET", api + "/events", "streamEvents"}
)

// Alerts.
var (
	ListAlerts = Endpoint[None, AlertsResponse]{"GET", api + "/alerts", "listAlerts"}
	TestAlerts = Endpoint[None, AlertTestResponse]{"POST", api + "/alerts/test", "testAlerts"}
)

// Sessions.
var (
	GetSession       = Endpoint[None, SessionResponse]{"GET", api + "/session", "getSession"}
	StartSession     = Endpoint[None, SessionResponse]{"POST", api + "/session", "startSession"}
	EndSession       = Endpoint[None, DoneResponse]{"DELETE", api + "/session", "endSession"}
	CreateLoginCode  = Endpoint[None, LoginCodeResponse]{"POST", api + "/session/code", "createLoginCode"}
	SignInByPassword = Endpoint[PasswordRequest, SessionResponse]{"POST", api + "/session/password", "signInByPassword"}
	SendMagicLink    = Endpoint[MagicLinkRequest, DoneResponse]{"POST", api + "/session/magic-link", "sendMagicLink"}
	GetSignInWays    = Endpoint[None, SignInWaysResponse]{"GET", api + "/session/ways", "getSignInWays"}
)

// API keys.
var (
	ListAPIKeys  = Endpoint[None, KeysResponse]{"GET", api + "/keys", "listApiKeys"}
	CreateAPIKey = Endpoint[CreateKeyRequest, CreateKeyResponse]{"POST", api + "/keys", "createApiKey"}
	RevokeAPIKey = Endpoint[None, DoneResponse]{"DELETE", api + "/keys/{id}", "revokeApiKey"}
)

// Configuration.
var (
	GetConfig = Endpoint[None, ConfigResponse]{"GET", api + "/config", "getConfig"}
)

// Audit.
var (
	ListAuditEntries = Endpoint[None, AuditResponse]{"GET", api + "/audit", "listAuditEntries"}
)

// Health.
var (
	GetLiveness  = Endpoint[None, HealthResponse]{"GET", "/healthz", "getLiveness"}
	GetReadiness = Endpoint[None, HealthResponse]{"GET", "/readyz", "getReadiness"}
)
