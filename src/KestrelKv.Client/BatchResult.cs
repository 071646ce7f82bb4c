using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KestrelKv.Client.Replies;
using KestrelKv.Client.Requests;

namespace KestrelKv.Client;

/// <summary>The results of a batch.</summary>
public sealed class BatchResult
{
    private readonly byte[] _text;
    private readonly List<Range> _results = [];
    private readonly JsonTypes _types;

    internal BatchResult(ReadOnlySpan<byte> reply, int operations, JsonTypes types)
    {
        _types = types;
        ReadOnlySpan<byte> response = ReplyText.Open(reply, out ServerError error);
        _text = response.ToArray();
        if (error.Code is not null)
        {
            Status = error.Status ?? throw error.ToException();
            (FailedIndex, Version) = (error.Index, error.Version ?? 0);
            return;
        }
        try
        {
            Version = ReadResults();
        }
        catch (JsonException e)
        {
            throw ReplyJson.NotJson(e);
        }
        if (_results.Count != operations) throw ReplyJson.Unexpected($"{operations} results");
    }

    /// <summary>Whether the batch took effect, or why it did not.</summary>
    public WriteStatus Status { get; }

    /// <summary>Whether the batch took effect.</summary>
    public bool Applied => Status == WriteStatus.Applied;

    /// <summary>The operation whose precondition or test failed, counted from 0; null if the batch was applied.</summary>
    public int? FailedIndex { get; }

    /// <summary>The version of the commit, 0 if nothing changed. If a precondition failed, the current version of its entry.</summary>
    public long Version { get; }

    /// <summary>Returns the result of a GET.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="index">The operation, counted from 0.</param>
    /// <param name="type">How the value is converted; null for <see cref="KestrelKvClientOptions.Json"/>.</param>
    /// <exception cref="InvalidOperationException">The batch was not applied.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such operation.</exception>
    public Entry<T> GetEntry<T>(int index, JsonTypeInfo<T>? type = null)
    {
        EntryText entry = ReplyText.ReadEntry(TextOf(index));
        return entry.ToEntry(EntryText.Text(entry.Key), type ?? _types.Of<T>());
    }

    /// <summary>Returns the result of a write.</summary>
    /// <param name="index">The operation, counted from 0.</param>
    /// <exception cref="InvalidOperationException">The batch was not applied.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such operation.</exception>
    public WriteResult GetWrite(int index) => ReplyText.ReadEntry(TextOf(index)).ToWrite();

    /// <summary>Returns the result of an increment.</summary>
    /// <param name="index">The operation, counted from 0.</param>
    /// <exception cref="InvalidOperationException">The batch was not applied.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such operation.</exception>
    public IncrementResult<long> GetIncrement(int index) => ReplyText.ReadEntry(TextOf(index)).ToIncrement(_types.Of<long>());

    /// <summary>Returns the result of an increment by a decimal number.</summary>
    /// <inheritdoc cref="GetIncrement"/>
    public IncrementResult<decimal> GetDecimalIncrement(int index) => ReplyText.ReadEntry(TextOf(index)).ToIncrement(_types.Of<decimal>());

    private ReadOnlySpan<byte> TextOf(int index)
    {
        if (!Applied) throw new InvalidOperationException($"The batch was not applied ({Status}, operation {FailedIndex}), so it has no results.");
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, _results.Count);
        return _text.AsSpan()[_results[index]];
    }

    /// <summary>Finds the result of each operation. Returns the version.</summary>
    private long ReadResults()
    {
        long version = 0;
        var reader = new Utf8JsonReader(_text, ReplyText.ReaderOptions);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("version"u8)) version = reader.ReadInteger();
            else if (!reader.ValueTextEquals("results"u8)) reader.Skip();
            else
            {
                reader.ReadStart(JsonTokenType.StartArray);
                while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
                {
                    int start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    _results.Add(start..(int)reader.BytesConsumed);
                }
            }
        }
        return version;
    }
}
