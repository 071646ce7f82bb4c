using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KestrelKv.Client.Connections;
using KestrelKv.Client.Requests;
using KestrelKv.Client.Telemetry;

namespace KestrelKv.Client;

/// <summary>A client of one KestrelKv server. Thread-safe: a program needs one instance for all its calls.</summary>
/// <remarks>
/// <para>
/// Calls of all threads share a few connections, and are pipelined. There is one connection (a lane) for reads of single keys, one for writes
/// and one for batches, scans and reads of many keys; each watch has its own. Calls in different lanes may overtake each other unless the
/// caller awaits the first one.
/// </para>
/// <para>
/// <b>Outcomes.</b> A call that fails has exactly one of three outcomes: it was not sent (<see cref="NotSentException"/>), the server refused
/// it (<see cref="RefusedException"/>), or its outcome is unknown (<see cref="OutcomeUnknownException"/>). A canceled call throws
/// <see cref="OperationCanceledException"/> with one of them as its inner exception. A missing key and a failed precondition are results, not
/// exceptions.
/// </para>
/// <para>
/// <b>Retries.</b> By default, a repeated write is executed once (<see cref="WriteRetry.ExactlyOnce"/>). Reads are repeated until their
/// deadlines, writes until their deadlines or for <see cref="KestrelKvClientOptions.RetryTime"/>, whichever is shorter.
/// </para>
/// <para>A <see cref="ValueTask{TResult}"/> that a method returns must be awaited once, and only once.</para>
/// </remarks>
public sealed partial class KestrelKvClient : IDisposable, IAsyncDisposable
{
    /// <summary>The name of the <see cref="System.Diagnostics.ActivitySource"/> and of the <see cref="System.Diagnostics.Metrics.Meter"/> of all clients.</summary>
    public const string TelemetryName = "KestrelKv.Client";

    private readonly KestrelKvClientOptions _options;
    private readonly Connector _connector;
    private readonly Lane[] _lanes;
    private readonly JsonTypes _types;
    private readonly CancellationTokenSource _disposed = new();

    /// <summary>Creates a client. It connects when the first call needs it.</summary>
    /// <param name="connectionString">See <see cref="KestrelKvClientOptions.Parse"/>.</param>
    /// <exception cref="ArgumentException">The connection string is invalid.</exception>
    public KestrelKvClient(string connectionString) : this(KestrelKvClientOptions.Parse(connectionString))
    {
    }

    /// <summary>Creates a client. It connects when the first call needs it.</summary>
    /// <param name="options">The options, which the client copies.</param>
    /// <exception cref="ArgumentException">An option is invalid. The message names it and the valid range.</exception>
    public KestrelKvClient(KestrelKvClientOptions? options = null)
    {
        _options = (options ?? new()).Copy();
        OptionsValidator.Validate(_options);
        _types = new(_options.Json);
        _connector = new(_options);
        _lanes = [new(_options, _connector), new(_options, _connector), new(_options, _connector)];
    }

    /// <summary>Connects, if the client is not connected, and measures the round trip of a PING.</summary>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">An option is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The server cannot be reached, or refuses the client.</exception>
    public async ValueTask<TimeSpan> PingAsync(CallOptions options = default, CancellationToken cancellationToken = default)
    {
        long begin = _options.Time.GetTimestamp();
        await CallAsync<PingRequest, bool>(new(options), cancellationToken).ConfigureAwait(false);
        return _options.Time.GetElapsedTime(begin);
    }

    /// <summary>Returns statistics of the server: see INFO in PROTOCOL.md.</summary>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">An option is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public ValueTask<JsonElement> InfoAsync(CallOptions options = default, CancellationToken cancellationToken = default) =>
        CallAsync<InfoRequest, JsonElement>(new(options), cancellationToken);

    /// <summary>Executes any function but AUTH, WATCH and UNWATCH: for functions and parameters that the client has no method for.</summary>
    /// <param name="function">The name of the function, such as <c>SCAN</c>.</param>
    /// <param name="parameters">The members of <c>params</c>, as JSON text without braces, in UTF-8. It is not checked: the server does.</param>
    /// <param name="response">Receives the inner response, as JSON text. Must not be used until the call ends.</param>
    /// <param name="mayRepeat">
    /// Whether the request may be repeated after its connection broke: it is a read, or has a <c>request_id</c>, or its repetition is harmless.
    /// </param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The number of bytes of the response.</returns>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed. Every error of the server is an exception, also a failed precondition.</exception>
    public ValueTask<int> CallUtf8Async(
        string function, ReadOnlyMemory<byte> parameters, IBufferWriter<byte> response, bool mayRepeat, CallOptions options = default,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(function);
        ArgumentNullException.ThrowIfNull(response);
        if (function is "AUTH" or "WATCH" or "UNWATCH")
        {
            throw ArgumentError.Create(
                $"The function is {function}, expected one that concerns no connection: not AUTH, WATCH or UNWATCH.", nameof(function));
        }
        return CallAsync<CallRequest, int>(new(function, parameters, response, mayRepeat, options), cancellationToken);
    }

    /// <summary>Closes all connections. Calls without a reply fail.</summary>
    public void Dispose()
    {
        _disposed.Cancel();
        foreach (Lane lane in _lanes) lane.Dispose();
    }

    /// <summary>Closes all connections, and waits until attempts to connect have ended. Calls without a reply fail.</summary>
    public async ValueTask DisposeAsync()
    {
        await _disposed.CancelAsync().ConfigureAwait(false);
        foreach (Lane lane in _lanes) await lane.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The number of calls in progress: those queued, those sent, and abandoned calls whose replies are due.</summary>
    internal int CallsInProgress => _lanes.Sum(lane => lane.Calls);

    private JsonTypeInfo<T> TypeOf<T>() => _types.Of<T>();

    /// <summary>Executes a request.</summary>
    private ValueTask<TResult> CallAsync<TRequest, TResult>(in TRequest request, CancellationToken cancellationToken)
        where TRequest : struct, IRequest<TResult>
    {
        CallSettings settings = request.Settings;
        ClientTelemetry.Measurement measurement =
            ClientTelemetry.Begin(settings.Function ?? TRequest.Function, settings.Operations, _connector.Host, _connector.Port);
        try
        {
            if (cancellationToken.IsCancellationRequested) throw Canceled(cancellationToken);
            TimeSpan timeout = settings.Timeout ?? _options.Timeout;
            long deadline = DeadlineAfter(timeout);
            Lane lane = _lanes[(int)TRequest.Lane];
            return lane.TryEnter()
                ? Call<TRequest, TResult>.Send(request, lane, _options, deadline, measurement, cancellationToken)
                : EnterAndCallAsync<TRequest, TResult>(request, lane, timeout, deadline, measurement, cancellationToken);
        }
        catch (Exception e)
        {
            measurement.End(e);
            return ValueTask.FromException<TResult>(e);
        }
    }

    private async ValueTask<TResult> EnterAndCallAsync<TRequest, TResult>(
        TRequest request, Lane lane, TimeSpan timeout, long deadline, ClientTelemetry.Measurement measurement, CancellationToken cancellationToken)
        where TRequest : struct, IRequest<TResult>
    {
        ValueTask<TResult> call;
        try
        {
            await lane.EnterAsync(timeout, request.Settings.FailFast ?? _options.FailFast, cancellationToken).ConfigureAwait(false);
            call = Call<TRequest, TResult>.Send(request, lane, _options, deadline, measurement, cancellationToken);
        }
        catch (Exception e)
        {
            measurement.End(e);
            throw;
        }
        return await call.ConfigureAwait(false);
    }

    private static OperationCanceledException Canceled(CancellationToken cancellationToken) =>
        new("The call was canceled.", new NotSentException("The call was canceled before the request was sent."), cancellationToken);

    /// <exception cref="ArgumentException">The timeout is out of range.</exception>
    private long DeadlineAfter(TimeSpan timeout)
    {
        CheckTimeout(timeout);
        return timeout == Timeout.InfiniteTimeSpan
            ? long.MaxValue
            : _options.Time.GetTimestamp() + (long)(timeout.TotalSeconds * _options.Time.TimestampFrequency);
    }

    /// <exception cref="ArgumentException">The timeout is out of range.</exception>
    private static void CheckTimeout(TimeSpan timeout)
    {
        if (timeout == Timeout.InfiniteTimeSpan) return;
        if (timeout <= TimeSpan.Zero || timeout > OptionsValidator.TimeoutMax)
        {
            throw ArgumentError.OfOptions(
                $"Timeout is {timeout}, expected more than zero and at most {OptionsValidator.TimeoutMax}, or Timeout.InfiniteTimeSpan.");
        }
    }
}
