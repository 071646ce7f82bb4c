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

    private readonly KestrelKvClient _client;
    private readonly KestrelKvClientOptions _limits;
    private readonly JsonTypes _types;
    private readonly RequestBuffer _operations = new();

    internal Batch(KestrelKvClient client, KestrelKvClientOptions limits, JsonTypes types) => (_client, _limits, _types) = (client, limits, types);

    /// <summary>The number of operations, at most 1,000.</summary>
    public int Count { get; private set; }

    internal ReadOnlySpan<byte> Operations => _operations.Frame.Span;

    internal JsonTypes Types => _types;

    /// <summary>Adds a read. Its result is <see cref="BatchResult.GetEntry{T}"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="path">The part of the value to read, as a JSON Pointer; null for the whole value.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch Get(string key, string? path = null) => Add("GET", key, default, to =>
    {
        RequestText.Get(to, new GetOptions { Path = path });
    });

    /// <summary>Adds a write of a value. Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key, not empty.</param>
    /// <param name="value">The value.</param>
    /// <param name="options">The path, expiry, precondition and <see cref="WriteOptions.ReturnOld"/>. Other options concern the whole batch.</param>
    /// <param name="type">How the value is converted; null for <see cref="KestrelKvClientOptions.Json"/>.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch Put<T>(string key, T value, WriteOptions options = default, JsonTypeInfo<T>? type = null) => Add("PUT", key, options, to =>
    {
        RequestText.Value(to, value, type ?? _types.Of<T>());
        RequestText.Put(to, options, meta: true);
    });

    /// <summary>Adds a write of a value given as JSON text. Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="json">One JSON value in UTF-8.</param>
    /// <param name="options">The path, expiry, precondition and <see cref="WriteOptions.ReturnOld"/>. Other options concern the whole batch.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch PutUtf8(string key, ReadOnlyMemory<byte> json, WriteOptions options = default) => Add("PUT", key, options, to =>
    {
        RequestText.Value(to, ", \"val\": "u8, json.Span, nameof(json));
        RequestText.Put(to, options, meta: true);
    });

    /// <summary>Adds a removal. Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="options">The precondition and <see cref="WriteOptions.ReturnOld"/>.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch Delete(string key, WriteOptions options = default) => Add("DELETE", key, options, to =>
    {
        OptionsCheck.Unused(options.Path is not null, nameof(options.Path), "DELETE");
        OptionsCheck.Unused(options.Expiry.Kind != ExpiryKind.Default, nameof(options.Expiry), "DELETE");
        RequestText.Put(to, options, meta: false);
    });

    /// <summary>Adds a JSON Merge Patch (RFC 7396). Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <typeparam name="T">The type of the patch.</typeparam>
    /// <param name="key">The key, not empty.</param>
    /// <param name="patch">The patch.</param>
    /// <param name="options">The expiry, precondition and <see cref="WriteOptions.ReturnOld"/>.</param>
    /// <param name="type">How the patch is converted; null for <see cref="KestrelKvClientOptions.Json"/>.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch Merge<T>(string key, T patch, WriteOptions options = default, JsonTypeInfo<T>? type = null) => Add("PATCH", key, options, to =>
    {
        OptionsCheck.Unused(options.Path is not null, nameof(options.Path), "PATCH");
        to.Write(", \"merge\": "u8);
        to.WriteValue(patch, type ?? _types.Of<T>());
        RequestText.Put(to, options, meta: false);
    });

    /// <summary>Adds a JSON Patch (RFC 6902). Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="patch">The patch.</param>
    /// <param name="options">The expiry, precondition and <see cref="WriteOptions.ReturnOld"/>.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch Patch(string key, JsonPatch patch, WriteOptions options = default) => Add("PATCH", key, options, to =>
    {
        ArgumentNullException.ThrowIfNull(patch);
        OptionsCheck.Unused(options.Path is not null, nameof(options.Path), "PATCH");
        RequestText.Value(to, ", \"patch\": "u8, patch.ToUtf8(_types).Span, nameof(patch));
        RequestText.Put(to, options, meta: false);
    });

    /// <summary>Adds an increment. Its result is <see cref="BatchResult.GetIncrement"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="by">The addend.</param>
    /// <param name="options">The path, expiry and precondition.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch Increment(string key, long by = 1, WriteOptions options = default) => Add("INCR", key, options, to =>
    {
        OptionsCheck.Unused(options.ReturnOld, nameof(options.ReturnOld), "INCR");
        to.Write(", \"by\": "u8);
        to.WriteNumber(by);
        RequestText.Put(to, options, meta: false);
    });

    /// <summary>Adds a change of an expiry. Its result is <see cref="BatchResult.GetWrite"/>.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="expiry">The expiry, not <see cref="Expiry.Default"/>.</param>
    /// <param name="options">The precondition.</param>
    /// <exception cref="ArgumentException">An argument is invalid.</exception>
    /// <exception cref="InvalidOperationException">The batch has 1,000 operations.</exception>
    public Batch Expire(string key, Expiry expiry, WriteOptions options = default) => Add("EXPIRE", key, options, to =>
    {
        OptionsCheck.Unused(options.Path is not null, nameof(options.Path), "EXPIRE");
        OptionsCheck.Unused(options.ReturnOld, nameof(options.ReturnOld), "EXPIRE");
        if (expiry.Kind == ExpiryKind.Default)
            throw ArgumentError.Create("The expiry is Expiry.Default, expected Expiry.In, Expiry.At or Expiry.Never.", nameof(expiry));
        RequestText.Put(to, options with { Expiry = expiry }, meta: false);
    });

    /// <summary>Executes the operations. The batch can be committed again, as another request.</summary>
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

    private Batch Add(string function, string key, in WriteOptions options, Action<RequestBuffer> write)
    {
        if (Count == OperationsMax) throw new InvalidOperationException($"The batch has {OperationsMax} operations, which is the maximum.");
        OptionsCheck.Unused(options.AcknowledgeFromMemory, nameof(options.AcknowledgeFromMemory), "an operation of a batch");
        OptionsCheck.Unused(options.Retry is not null, nameof(options.Retry), "an operation of a batch");
        OptionsCheck.Unused(options.Timeout is not null, nameof(options.Timeout), "an operation of a batch");
        OptionsCheck.Unused(options.FailFast is not null, nameof(options.FailFast), "an operation of a batch");
        int mark = _operations.Length;
        try
        {
            _operations.Write(Count == 0 ? "{\"func\": "u8 : ", {\"func\": "u8);
            _operations.WriteString(function);
            _operations.Write(", \"params\": {"u8);
            RequestText.Key(_operations, key, _limits);
            write(_operations);
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
