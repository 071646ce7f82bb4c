namespace KestrelKv.Protocol;

/// <summary>The response of HELP.</summary>
public static class HelpText
{
    private static readonly byte[] Text = Compose();

    /// <summary>
    /// <c>{"functions": [{"func": F, "summary": TEXT, "params": [PARAMETER, ...]}, ...]}</c>, where a parameter is
    /// <c>{"name": P, "type": TYPE, "required": BOOL, "summary": TEXT}</c>.
    /// </summary>
    public static ReadOnlySpan<byte> Response => Text;

    private static byte[] Compose()
    {
        using var text = new TextBuffer();
        text.Write("{\"functions\": ["u8);
        for (int i = 0; i < Functions.All.Count; i++)
        {
            if (i > 0) text.Write(", "u8);
            WriteFunction(text, Functions.All[i]);
        }
        text.Write("]}"u8);
        return text.Written.ToArray();
    }

    private static void WriteFunction(TextBuffer text, FunctionInfo function)
    {
        text.Write("{\"func\": "u8);
        text.WriteString(function.Name);
        text.Write(", \"summary\": "u8);
        text.WriteString(function.Summary);
        text.Write(", \"params\": ["u8);
        bool first = true;
        foreach (ParameterInfo parameter in function.RequiredParameters.Concat(function.OptionalParameters))
        {
            if (!first) text.Write(", "u8);
            first = false;
            WriteParameter(text, parameter, function.RequiredParameters.Contains(parameter));
        }
        text.Write("]}"u8);
    }

    private static void WriteParameter(TextBuffer text, ParameterInfo parameter, bool required)
    {
        text.Write("{\"name\": "u8);
        text.WriteString(parameter.Name);
        text.Write(", \"type\": "u8);
        text.WriteString(parameter.Type);
        text.Write(", \"required\": "u8);
        text.WriteBoolean(required);
        text.Write(", \"summary\": "u8);
        text.WriteString(parameter.Summary);
        text.Write("}"u8);
    }
}
