namespace KestrelKv.Storage;

/// <summary>
/// The exception thrown if a call's results did not become durable. The results must not be shown to anyone, and the call may be executed
/// again.
/// </summary>
/// <remarks>
/// <para>
/// <b>The embedded engine</b> throws it after the disk has failed. Whether the writes of the call survive a restart is unknown. If executed
/// again, the operations are refused or read durable state.
/// </para>
/// <para>
/// <b>The PostgreSQL engine</b> throws it after the connection was lost during a commit that was then aborted. The writes of the call have
/// no effect. If executed again, the operations may succeed.
/// </para>
/// </remarks>
public sealed class DurabilityLostException(string message) : Exception(message);
