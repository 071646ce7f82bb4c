namespace KestrelKv.Wire;

/// <summary>The reason for which a connection ended. A label of the metric of closed connections.</summary>
internal enum CloseReason
{
    /// <summary>The client ended the stream between two frames.</summary>
    Client,

    /// <summary>The client's machine reset the connection.</summary>
    Reset,

    /// <summary>A frame was invalid, or the bytes were not a frame.</summary>
    FrameError,

    /// <summary>No byte arrived for <see cref="WireOptions.IdleTimeout"/>.</summary>
    IdleTimeout,

    /// <summary>The client did not read its replies for <see cref="WireOptions.WriteTimeout"/>.</summary>
    WriteTimeout,

    /// <summary>The client did not authenticate within <see cref="WireOptions.AuthTimeout"/>, or was closed to make room for another client.</summary>
    AuthTimeout,

    /// <summary>The client failed to authenticate several times.</summary>
    AuthFailed,

    /// <summary>The client's user or secret is no longer valid.</summary>
    AuthRevoked,

    /// <summary>No memory was available for a large request (<see cref="WireOptions.RequestBytesTotalMax"/>).</summary>
    RequestsFull,

    /// <summary>The server is stopping.</summary>
    Stopping,

    /// <summary>The disk or the database failed after some replies of the waiting calls had been sent.</summary>
    StoreFailed,

    /// <summary>A fault in the server.</summary>
    InternalError,
}
