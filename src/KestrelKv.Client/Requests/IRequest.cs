namespace KestrelKv.Client.Requests;

/// <summary>A request of one function: a call, or an operation of a batch. Implemented by structs, so that a call allocates nothing.</summary>
internal interface IRequest
{
    /// <summary>The name of the function.</summary>
    static abstract string Function { get; }

    CallSettings Settings { get; }

    /// <summary>Writes the parameters, without <c>request_id</c>. Checks them before anything is sent.</summary>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    void Write(RequestBuffer to, KestrelKvClientOptions limits);
}

/// <summary>A request that is a call, and how its reply is read.</summary>
/// <typeparam name="TResult">The result of the call.</typeparam>
internal interface IRequest<TResult> : IRequest
{
    /// <summary>The lane that sends the request.</summary>
    static abstract LaneKind Lane { get; }

    /// <summary>Whether the request is a write.</summary>
    static virtual bool IsWrite => false;

    /// <summary>Reads the reply.</summary>
    /// <exception cref="KestrelKvException">The reply is an error that is not a result of this function.</exception>
    TResult Read(ReadOnlySpan<byte> reply);
}

/// <summary>The settings of one call; null for those of the client.</summary>
/// <param name="Timeout">The deadline.</param>
/// <param name="FailFast">Whether the call fails if there is no connection.</param>
/// <param name="Retry">How a write is retried.</param>
/// <param name="Operations">The number of operations of a batch; 1 for other calls.</param>
/// <param name="Function">The name of the function, if it is not <see cref="IRequest.Function"/>.</param>
internal readonly record struct CallSettings(
    TimeSpan? Timeout = null, bool? FailFast = null, WriteRetry? Retry = null, int Operations = 1, string? Function = null);

/// <summary>The lanes of a client. Each has its own connection.</summary>
internal enum LaneKind
{
    Read,
    Write,
    Bulk,
}
