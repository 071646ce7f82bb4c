namespace KestrelKv.Wire;

/// <summary>Why a connection ended; a label of the metric of closed connections.</summary>
internal enum CloseReason
{
    /// <summary>The client ended the stream between two frames.</summary>
    Client,

    /// <summary>The client's machine reset the connection.</summary>
    Reset,

    /// <summary>A broken frame, or no frame at all.</summary>
    FrameError,

    /// <summary>Nothing came for <see cref="WireOptions.IdleTimeout"/>.</summary>
    IdleTimeout,

    /// <summary>The client did not read its replies for <see cref="WireOptions.WriteTimeout"/>.</summary>
    WriteTimeout,

    /// <summary>There was no room for a large request: <see cref="WireOptions.RequestBytesTotalMax"/>.</summary>
    RequestsFull,

    /// <summary>The server stops.</summary>
    Stopping,

    /// <summary>The disk failed after some of the replies of the calls that wait for it had been sent.</summary>
    DiskFailed,

    /// <summary>A fault of the server's own.</summary>
    InternalError,
}
