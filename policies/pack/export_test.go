package pack

// FailClosed stands between the engine and every method.
var FailClosed = failClosed
