namespace KestrelKv.Protocol;

/// <summary>The parameters of all functions, described in <see cref="Parameters"/>. The value is the bit number in sets.</summary>
internal enum Parameter
{
    Obj,
    Val,
    Ack,
    Path,
    Meta,
    Ttl,
    ExpiresAt,
    IfVersion,
    IfExists,
    ReturnOld,
    RequestId,
    RequestSeq,
    Merge,
    Patch,
    By,
    Objs,
    Ops,
    Prefix,
    After,
    Until,
    Limit,
    Descending,
    Values,
    CountOnly,
    FromVersion,
    BookmarkInterval,
    Watch,
    User,
    Secret,
    Touch,
    Delimiter,
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

/// <summary>The description of a parameter, shared by all functions that have it.</summary>
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

    /// <summary>The parameter.</summary>
    internal Parameter Parameter { get; }

    /// <summary>The name on the wire.</summary>
    public string Name { get; }

    /// <summary>The JSON type, as the documentation names it.</summary>
    public string Type => Types switch
    {
        JsonTypes.String => "string",
        JsonTypes.Number => "number",
        JsonTypes.Number | JsonTypes.Null => "number or null",
        JsonTypes.Boolean => "boolean",
        JsonTypes.Array => "array",
        _ => "any JSON",
    };

    /// <summary>The expected value, for error messages.</summary>
    public string Expected { get; }

    /// <summary>A short description, in English.</summary>
    public string Summary { get; }

    internal byte[] Utf8Name { get; }

    internal JsonTypes Types { get; }

    internal uint Bit => 1u << (int)Parameter;

    /// <summary>Returns the error <c>"NAME" FAULT, expected EXPECTED</c>.</summary>
    internal ProtocolError Refuse(ErrorCode code, string fault) => new(code, $"\"{Name}\" {fault}, expected {Expected}");

    /// <summary>Returns the error for a value whose JSON type is not in <see cref="Types"/>.</summary>
    internal ProtocolError RefuseType(in JsonToken value) => Refuse(ErrorCode.WrongType, $"is {value.TypeName}");
}
