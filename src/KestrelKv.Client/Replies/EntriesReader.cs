using System.Text.Json;

namespace KestrelKv.Client.Replies;

/// <summary>Reads a list of entries: <c>{"entries": [...], "next": ..., "version": ...}</c>, or <c>{..., "changes": [...]}</c>.</summary>
internal ref struct EntriesReader
{
    private readonly ReadOnlySpan<byte> _text;
    private Utf8JsonReader _reader;
    private bool _hasBegun;
    private bool _isInList;

    /// <summary>Creates a reader of an inner response object.</summary>
    public EntriesReader(ReadOnlySpan<byte> response)
    {
        _text = response;
        _reader = new(response, ReplyText.ReaderOptions);
    }

    /// <summary>The start of the next page; null if there is none. Complete when <see cref="TryRead"/> has returned false.</summary>
    public string? Next { get; private set; }

    /// <summary>The version of the response. Complete when <see cref="TryRead"/> has returned false.</summary>
    public long Version { get; private set; }

    /// <summary>Reads the next entry.</summary>
    /// <exception cref="OutcomeUnknownException">The reply cannot be read.</exception>
    public bool TryRead(out EntryText entry)
    {
        try
        {
            return TryReadNext(out entry);
        }
        catch (JsonException e)
        {
            throw ReplyJson.NotJson(e);
        }
    }

    private bool TryReadNext(out EntryText entry)
    {
        entry = default;
        if (!_hasBegun) _hasBegun = _reader.Read();
        while (_reader.Read())
        {
            if (_isInList)
            {
                if (_reader.TokenType == JsonTokenType.EndArray)
                {
                    _isInList = false;
                    continue;
                }
                if (_reader.TokenType != JsonTokenType.StartObject) throw ReplyJson.Unexpected("an object");
                EntryText read = default;
                while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName) read.Take(ref _reader, _text);
                entry = read;
                return true;
            }
            if (_reader.TokenType != JsonTokenType.PropertyName) return false;
            if (_reader.ValueTextEquals("entries"u8) || _reader.ValueTextEquals("changes"u8))
            {
                _reader.ReadStart(JsonTokenType.StartArray);
                _isInList = true;
            }
            else if (_reader.ValueTextEquals("next"u8)) Next = _reader.ReadText();
            else if (_reader.ValueTextEquals("version"u8)) Version = _reader.ReadInteger();
            else _reader.Skip();
        }
        return false;
    }
}
