namespace KestrelKv.Protocol;

/// <summary>Every parameter that some function takes. Its number is its bit in sets of parameters.</summary>
internal enum Parameter
{
    /// <summary>The key.</summary>
    Obj,

    /// <summary>The value.</summary>
    Val,

    /// <summary>How durable a write must be for its reply.</summary>
    Ack,

    /// <summary>A part of a value.</summary>
    Path,

    /// <summary>Whether the reply also has version and expiry.</summary>
    Meta,

    /// <summary>The expiry, from now.</summary>
    Ttl,

    /// <summary>The expiry, as an instant.</summary>
    ExpiresAt,

    /// <summary>The version that the entry must have.</summary>
    IfVersion,

    /// <summary>Whether there must be an entry, or none.</summary>
    IfExists,

    /// <summary>Whether the reply has the value from before.</summary>
    ReturnOld,

    /// <summary>What the client calls a write.</summary>
    RequestId,

    /// <summary>A JSON Merge Patch.</summary>
    Merge,

    /// <summary>A JSON Patch.</summary>
    Patch,

    /// <summary>A number to add.</summary>
    By,

    /// <summary>Many keys.</summary>
    Objs,

    /// <summary>Many operations.</summary>
    Ops,

    /// <summary>What keys begin with.</summary>
    Prefix,

    /// <summary>The key behind which a page begins.</summary>
    After,

    /// <summary>The key before which a page ends.</summary>
    Until,

    /// <summary>How many entries.</summary>
    Limit,

    /// <summary>Whether the greatest key comes first.</summary>
    Descending,

    /// <summary>Whether values are included.</summary>
    Values,

    /// <summary>Whether only their number is asked for.</summary>
    CountOnly,

    /// <summary>The version that a feed begins with.</summary>
    FromVersion,

    /// <summary>How often a feed sends its position.</summary>
    BookmarkInterval,

    /// <summary>The number of a watch.</summary>
    Watch,
}

/// <summary>JSON types, as a set.</summary>
[Flags]
internal enum JsonTypes
{
    String = 1,
    Number = 2,
    Boolean = 4,
    Array = 8,
    Object = 16,
    Null = 32,
    Any = String | Number | Boolean | Array | Object | Null,
}

/// <summary>A parameter, wherever it is taken.</summary>
public sealed class ParameterInfo
{
    internal ParameterInfo(Parameter parameter, string name, JsonTypes types, string expected, string summary)
    {
        Parameter = parameter;
        Name = name;
        Utf8Name = System.Text.Encoding.UTF8.GetBytes(name);
        Types = types;
        Expected = expected;
        Summary = summary;
    }

    /// <summary>Which one it is.</summary>
    internal Parameter Parameter { get; }

    /// <summary>Its name on the wire.</summary>
    public string Name { get; }

    /// <summary>The JSON type as the documents call it.</summary>
    public string Type => Types switch
    {
        JsonTypes.String => "string",
        JsonTypes.Number => "number",
        JsonTypes.Number | JsonTypes.Null => "number or null",
        JsonTypes.Boolean => "boolean",
        JsonTypes.Array => "array",
        _ => "any JSON",
    };

    /// <summary>What an error says that was expected.</summary>
    public string Expected { get; }

    /// <summary>What it is for.</summary>
    public string Summary { get; }

    internal byte[] Utf8Name { get; }

    internal JsonTypes Types { get; }

    internal uint Bit => 1u << (int)Parameter;

    /// <summary>Returns the error <c>"NAME" FAULT, expected EXPECTED</c>.</summary>
    internal ProtocolError Refuse(ErrorCode code, string fault) => new(code, $"\"{Name}\" {fault}, expected {Expected}");

    /// <summary>Returns the error for a value of another JSON type than <see cref="Types"/>.</summary>
    internal ProtocolError RefuseType(in JsonToken value) => Refuse(ErrorCode.WrongType, $"is {value.TypeName}");
}
