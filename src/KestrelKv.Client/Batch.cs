using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using KestrelKv.Client.Requests;

namespace KestrelKv.Client;

/// <summary>
/// Several operations that are executed as one commit: all take effect, or none. Each operation sees the effects of earlier ones. Not
/// thread-safe.
/// </summary>
/// <example><code>
/// BatchResult result = await client.CreateBatch()
///     .Put("order:7", order, new() { IfVersion = 0 })
///     .Increment("orders")
///     .CommitAsync();
/// long orders = result.GetIncrement(1).Value;
/// </code></example>
public sealed class Batch
{
    internal const int OperationsMax = 1_000;

    // The name of an operation in errors.
    private const string OperationName = "an operation of a batch";

    private readonly KestrelKvClient _client;
    private readonly KestrelKvClientOptions _limits;
    private readonly JsonTypes _types;
    private readonly RequestBuffer _operations;

    internal Batch(KestrelKvClient client, KestrelKvClientOptions limits, JsonTypes types) =>
        (_client, _limits, _types, _operations) = (client, limits, types, new(isCleared: false, limits.RequestBytesMax));

    /// <summary>The number of operations, at most 1,000.</summary>
    public int Count { get; private set; }

    internal ReadOnlySpan<byte> Operations => _operations.Frame.Span;

    internal JsonTypes Types => _types;

    /// <summary>Adds a read. Its result is <see cref="BatchResult.GetEntry{T}"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="options">The path and <see cref="GetOptions.Touch"/>. Other options concern the whole batch.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch Get(string key, GetOptions options = default)
    {
        ArgumentError.ThrowIfUnused(options.AllowUnsynced, nameof(options.AllowUnsynced), OperationName);
        return Add(new GetUtf8Request(key, options));
    }

    /// <summary>Adds a write of a value. Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <typeparam name="T">The type of the value, converted as <see cref="KestrelKvClientOptions.Json"/> states.</typeparam>
    /// <param name="key">The key, not empty.</param>
    /// <param name="value">The value.</param>
    /// <param name="options">The path, expiry, precondition and <see cref="WriteOptions.ReturnOld"/>. Other options concern the whole batch.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations, or there is no JSON type information for <typeparamref name="T"/>.</exception>
    [OverloadResolutionPriority(1)]
    public Batch Put<T>(string key, T value, WriteOptions options = default) => Put(key, value, _types.Of<T>(), options);

    /// <inheritdoc cref="Put{T}(string, T, WriteOptions)"/>
    /// <param name="key">The key, not empty.</param>
    /// <param name="value">The value.</param>
    /// <param name="type">How the value is converted.</param>
    /// <param name="options">The path, expiry, precondition and <see cref="WriteOptions.ReturnOld"/>. Other options concern the whole batch.</param>
    public Batch Put<T>(string key, T value, JsonTypeInfo<T> type, WriteOptions options = default)
    {
        ArgumentNullException.ThrowIfNull(type);
        return Add(new PutRequest<T>(key, value, type, options), options);
    }

    /// <summary>Adds a write of a value given as JSON text. Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="json">One JSON value in UTF-8, which is copied.</param>
    /// <param name="options">The path, expiry, precondition and <see cref="WriteOptions.ReturnOld"/>. Other options concern the whole batch.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch PutUtf8(string key, ReadOnlyMemory<byte> json, WriteOptions options = default) => Add(new PutUtf8Request(key, json, options), options);

    /// <summary>Adds a removal. Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="options">The precondition and <see cref="WriteOptions.ReturnOld"/>.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch Delete(string key, WriteOptions options = default) => Add(new DeleteRequest(key, options), options);

    /// <summary>Adds a JSON Merge Patch (RFC 7396). Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <typeparam name="T">The type of the patch, converted as <see cref="KestrelKvClientOptions.Json"/> states.</typeparam>
    /// <param name="key">The key, not empty.</param>
    /// <param name="patch">The patch.</param>
    /// <param name="options">The expiry, precondition and <see cref="WriteOptions.ReturnOld"/>.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations, or there is no JSON type information for <typeparamref name="T"/>.</exception>
    [OverloadResolutionPriority(1)]
    public Batch Merge<T>(string key, T patch, WriteOptions options = default) => Merge(key, patch, _types.Of<T>(), options);

    /// <inheritdoc cref="Merge{T}(string, T, WriteOptions)"/>
    /// <param name="key">The key, not empty.</param>
    /// <param name="patch">The patch.</param>
    /// <param name="type">How the patch is converted.</param>
    /// <param name="options">The expiry, precondition and <see cref="WriteOptions.ReturnOld"/>.</param>
    public Batch Merge<T>(string key, T patch, JsonTypeInfo<T> type, WriteOptions options = default)
    {
        ArgumentNullException.ThrowIfNull(type);
        return Add(new MergeRequest<T>(key, patch, type, options), options);
    }

    /// <summary>Adds a JSON Merge Patch (RFC 7396) given as JSON text. Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="json">The patch in UTF-8, which is copied.</param>
    /// <param name="options">The expiry, precondition and <see cref="WriteOptions.ReturnOld"/>.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch MergeUtf8(string key, ReadOnlyMemory<byte> json, WriteOptions options = default) =>
        Add(new PatchUtf8Request(key, json, isMerge: true, options), options);

    /// <summary>Adds a JSON Patch (RFC 6902). Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="patch">The patch.</param>
    /// <param name="options">The expiry, precondition and <see cref="WriteOptions.ReturnOld"/>.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch Patch(string key, JsonPatch patch, WriteOptions options = default)
    {
        ArgumentNullException.ThrowIfNull(patch);
        return PatchUtf8(key, patch.ToUtf8(_types), options);
    }

    /// <summary>Adds a JSON Patch (RFC 6902) given as JSON text. Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="json">The operations in UTF-8, as an array, which is copied.</param>
    /// <param name="options">The expiry, precondition and <see cref="WriteOptions.ReturnOld"/>.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch PatchUtf8(string key, ReadOnlyMemory<byte> json, WriteOptions options = default) =>
        Add(new PatchUtf8Request(key, json, isMerge: false, options), options);

    /// <summary>Adds an increment. Its result is <see cref="BatchResult.GetIncrement"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="by">The addend.</param>
    /// <param name="options">The path, expiry and precondition.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch Increment(string key, long by = 1, WriteOptions options = default) =>
        Add(new IncrementRequest<long>(key, by, _types.Of<long>(), options), options);

    /// <summary>Adds an increment by a decimal number, which is exact. Its result is <see cref="BatchResult.GetDecimalIncrement"/>.</summary>
    /// <inheritdoc cref="Increment(string, long, WriteOptions)"/>
    public Batch Increment(string key, decimal by, WriteOptions options = default) =>
        Add(new IncrementRequest<decimal>(key, by, _types.Of<decimal>(), options), options);

    /// <summary>Adds a change of an expiry. Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="expiry">The expiry, not <see cref="Expiry.Default"/>.</param>
    /// <param name="options">The precondition.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch Expire(string key, Expiry expiry, WriteOptions options = default) => Add(new ExpireRequest(key, expiry, options), options);

    /// <summary>Executes the operations. The batch can be committed again, as another request. It must not change until the call has ended.</summary>
    /// <param name="options">The deadline, retry mode and <see cref="WriteOptions.AcknowledgeFromMemory"/> of the whole batch. Other options belong to the operations.</param>
    /// <param name="cancellationToken">Cancels the call. A batch that was sent may still take effect.</param>
    /// <returns>The results. <see cref="BatchResult.Applied"/> is false if the precondition of an operation failed.</returns>
    /// <exception cref="InvalidOperationException">The batch is empty.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public ValueTask<BatchResult> CommitAsync(WriteOptions options = default, CancellationToken cancellationToken = default)
    {
        if (Count == 0) throw new InvalidOperationException("The batch has no operations, expected 1 to 1,000.");
        return _client.CommitAsync(this, options, cancellationToken);
    }

    private Batch Add<TRequest>(in TRequest request, in WriteOptions options) where TRequest : struct, IRequest
    {
        ArgumentError.ThrowIfUnused(options.AcknowledgeFromMemory, nameof(options.AcknowledgeFromMemory), OperationName);
        return Add(request);
    }

    private Batch Add<TRequest>(in TRequest request) where TRequest : struct, IRequest
    {
        if (Count == OperationsMax) throw new InvalidOperationException($"The batch has {OperationsMax} operations, which is the maximum.");
        CallSettings settings = request.Settings;
        ArgumentError.ThrowIfUnused(settings.Retry is not null, nameof(settings.Retry), OperationName);
        ArgumentError.ThrowIfUnused(settings.Timeout is not null, nameof(settings.Timeout), OperationName);
        ArgumentError.ThrowIfUnused(settings.FailFast is not null, nameof(settings.FailFast), OperationName);
        int mark = _operations.Length;
        try
        {
            _operations.Write(Count == 0 ? "{\"func\": "u8 : ", {\"func\": "u8);
            _operations.WriteString(TRequest.Function);
            _operations.Write(", \"params\": {"u8);
            request.Write(_operations, _limits);
            _operations.Write("}}"u8);
            Count++;
        }
        catch
        {
            _operations.Truncate(mark);
            throw;
        }
        return this;
    }
}
