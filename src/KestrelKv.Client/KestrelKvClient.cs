using System.Runtime.CompilerServices;
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
/// <b>Retries.</b> If the connection breaks, reads and (see <see cref="WriteRetry"/>) writes are sent again until their deadlines. A write is
/// executed at most once by default.
/// </para>
/// <para>A <see cref="ValueTask{TResult}"/> that a method returns must be awaited once, and only once.</para>
/// </remarks>
public sealed partial class KestrelKvClient : IAsyncDisposable
{
    private readonly KestrelKvClientOptions _options;
    private readonly Connector _connector;
    private readonly Lane[] _lanes;
    private readonly RequestSlots _slots = new();
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
        _lanes = [new("read", _options, _connector), new("write", _options, _connector), new("bulk", _options, _connector)];
    }

    /// <summary>Connects, if the client is not connected, and measures the round trip of a PING.</summary>
    /// <param name="timeout">The deadline; null for <see cref="KestrelKvClientOptions.Timeout"/>.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="KestrelKvException">The server cannot be reached, or refuses the client.</exception>
    public async Task<TimeSpan> PingAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        long begin = _options.Time.GetTimestamp();
        await CallAsync<PingRequest, bool>(new(timeout), cancellationToken);
        return _options.Time.GetElapsedTime(begin);
    }

    /// <summary>Returns statistics of the server: see INFO in PROTOCOL.md.</summary>
    /// <param name="timeout">The deadline; null for <see cref="KestrelKvClientOptions.Timeout"/>.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public ValueTask<JsonElement> InfoAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        CallAsync<InfoRequest, JsonElement>(new(timeout), cancellationToken);

    /// <summary>Closes all connections. Calls without a reply fail.</summary>
    public async ValueTask DisposeAsync()
    {
        await _disposed.CancelAsync();
        foreach (Lane lane in _lanes) await lane.DisposeAsync();
    }

    /// <summary>The number of calls in progress: those queued, those sent, and abandoned calls whose replies are due.</summary>
    internal int CallsInProgress => _lanes.Sum(lane => lane.Calls);

    private JsonTypeInfo<T> TypeOf<T>() => _types.Of<T>();

    /// <summary>Executes a request.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<TResult> CallAsync<TRequest, TResult>(TRequest request, CancellationToken cancellationToken)
        where TRequest : struct, IRequest<TResult>
    {
        if (cancellationToken.IsCancellationRequested) throw Canceled(cancellationToken);
        CallSettings settings = request.Settings;
        TimeSpan timeout = settings.Timeout ?? _options.Timeout;
        Lane lane = _lanes[(int)TRequest.Lane];
        long deadline = DeadlineAfter(timeout);
        ClientTelemetry.Measurement measurement = ClientTelemetry.Begin(TRequest.Function, _connector.Host, _connector.Port);
        RequestSlot slot = default;
        Call? call = null;
        try
        {
            if (!lane.TryEnter()) await lane.EnterAsync(timeout, cancellationToken);
            call = Call.Rent(lane);
            WriteRetry retry = settings.Retry ?? _options.Retry;
            if (TRequest.IsWrite && retry == WriteRetry.ExactlyOnce) slot = _slots.Take();
            call.IsWrite = TRequest.IsWrite;
            call.IsRepeatable = !TRequest.IsWrite || retry != WriteRetry.AtMostOnce;
            call.FailsFast = settings.FailFast ?? _options.FailFast;
            call.Deadline = deadline;
            RequestText.Begin(call.Request, TRequest.Function);
            request.Write(call.Request, _options);
            RequestText.RequestId(call.Request, slot);
            RequestText.End(call.Request, _options, measurement.Activity);
            await call.SendAsync(cancellationToken);
            TResult result = request.Read(call.Reply);
            measurement.End();
            return result;
        }
        catch (Exception e)
        {
            measurement.End(e);
            throw;
        }
        finally
        {
            _slots.Return(slot);
            call?.Release();
        }
    }

    private static OperationCanceledException Canceled(CancellationToken cancellationToken) =>
        new("The call was canceled.", new NotSentException("The call was canceled before the request was sent."), cancellationToken);

    /// <exception cref="ArgumentException">The timeout is out of range.</exception>
    private long DeadlineAfter(TimeSpan timeout)
    {
        if (timeout == Timeout.InfiniteTimeSpan) return long.MaxValue;
        if (timeout <= TimeSpan.Zero || timeout > OptionsValidator.TimeoutMax)
        {
            throw ArgumentError.Create(
                $"The timeout is {timeout}, expected more than zero and at most {OptionsValidator.TimeoutMax}, or Timeout.InfiniteTimeSpan.", nameof(timeout));
        }
        return _options.Time.GetTimestamp() + (long)(timeout.TotalSeconds * _options.Time.TimestampFrequency);
    }
}
