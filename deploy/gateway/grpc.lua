-- What the rules need to know of gRPC messages and HAProxy itself cannot tell.

-- What 1,024 homes need is 80 kB. A few bytes may be compressed from a thousand times as many, so there is an end.
local MOST_BYTES = 131072

local LENGTHS = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
    227, 258 }
local LENGTH_BITS = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 }
local DISTANCES = { 1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073,
    4097, 6145, 8193, 12289, 16385, 24577 }
local DISTANCE_BITS = { 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13 }
local ORDER = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 }

-- A canonical Huffman code from the lengths of its symbols 0, 1, ...: how many codes have each length, and the symbols in
-- the order of their codes (RFC 1951, 3.2.2).
local function code_of(lengths)
    local counts, symbols = {}, {}
    for length = 1, 15 do
        counts[length] = 0
        for symbol, found in ipairs(lengths) do
            if found == length then
                counts[length] = counts[length] + 1
                symbols[#symbols + 1] = symbol - 1
            end
        end
    end
    return { counts = counts, symbols = symbols }
end

local function fixed_codes()
    local lengths, distances = {}, {}
    for symbol = 0, 287 do
        lengths[symbol + 1] = symbol < 144 and 8 or symbol < 256 and 9 or symbol < 280 and 7 or 8
    end
    for symbol = 0, 29 do
        distances[symbol + 1] = 5
    end
    return code_of(lengths), code_of(distances)
end

local FIXED_LENGTHS, FIXED_DISTANCES = fixed_codes()

-- Inflates what stands in `data` from `position` on (RFC 1951). Returns it, and the position after it. Raises an error when
-- it is broken, or more than MOST_BYTES.
local function inflate(data, position)
    local held, count, out = 0, 0, {}

    local function take(wanted)
        while count < wanted do
            held = held | assert(data:byte(position)) << count
            position, count = position + 1, count + 8
        end
        local value = held & ((1 << wanted) - 1)
        held, count = held >> wanted, count - wanted
        return value
    end

    local function decode(code)
        local value, first, index = 0, 0, 0
        for length = 1, 15 do
            value = value | take(1)
            local codes = code.counts[length]
            if value - first < codes then
                return code.symbols[index + value - first + 1]
            end
            index, first = index + codes, (first + codes) << 1
            value = value << 1
        end
        error("no such code")
    end

    local function described_codes()
        local literals, distances, described = take(5) + 257, take(5) + 1, take(4) + 4
        local lengths = {}
        for place = 1, 19 do
            lengths[ORDER[place] + 1] = place <= described and take(3) or 0
        end
        local code = code_of(lengths)
        lengths = {}
        while #lengths < literals + distances do
            local symbol = decode(code)
            if symbol < 16 then
                lengths[#lengths + 1] = symbol
            else
                local again = symbol == 16 and assert(lengths[#lengths]) or 0
                local times = symbol == 16 and take(2) + 3 or symbol == 17 and take(3) + 3 or take(7) + 11
                for _ = 1, times do
                    lengths[#lengths + 1] = again
                end
            end
        end
        assert(#lengths == literals + distances)
        return code_of(table.move(lengths, 1, literals, 1, {})),
            code_of(table.move(lengths, literals + 1, #lengths, 1, {}))
    end

    local function compressed(lengths, distances)
        while true do
            local symbol = decode(lengths)
            if symbol < 256 then
                out[#out + 1] = symbol
            elseif symbol == 256 then
                return
            else
                local length = assert(LENGTHS[symbol - 256]) + take(LENGTH_BITS[symbol - 256])
                local symbol_of_distance = decode(distances) + 1
                local distance = assert(DISTANCES[symbol_of_distance]) + take(DISTANCE_BITS[symbol_of_distance])
                local from = #out - distance
                assert(from >= 0)
                for place = from + 1, from + length do
                    out[#out + 1] = out[place]
                end
            end
            assert(#out <= MOST_BYTES)
        end
    end

    local function stored()
        held, count = 0, 0
        local length, inverse
        length, inverse, position = string.unpack("<I2I2", data, position)
        assert(length ~ inverse == 0xffff and position + length - 1 <= #data and #out + length <= MOST_BYTES)
        for place = position, position + length - 1 do
            out[#out + 1] = data:byte(place)
        end
        position = position + length
    end

    repeat
        local last, kind = take(1), take(2)
        if kind == 0 then
            stored()
        elseif kind == 1 then
            compressed(FIXED_LENGTHS, FIXED_DISTANCES)
        elseif kind == 2 then
            compressed(described_codes())
        else
            error("no such kind of block")
        end
    until last == 1

    local parts = {}
    for start = 1, #out, 4096 do
        parts[#parts + 1] = string.char(table.unpack(out, start, math.min(start + 4095, #out)))
    end
    return table.concat(parts), position
end

-- What a gRPC message that fills `body` holds, compressed as its header says. Raises an error when it is anything else.
local function content_of(body, encoding)
    assert(string.unpack(">I4", body, 2) == #body - 5)
    local start, trailer
    if encoding == "gzip" then -- RFC 1952, without the parts that may be left out
        assert(body:sub(6, 9) == "\x1f\x8b\x08\0")
        start, trailer = 16, 8
    else -- RFC 1950
        local first, second = body:byte(6, 7)
        assert(encoding == "deflate" and first & 15 == 8 and (first << 8 | second) % 31 == 0 and second & 32 == 0)
        start, trailer = 8, 4
    end
    local content, after = inflate(body, start)
    assert(after + trailer - 1 == #body)
    return content
end

-- A message as it is without compression; nothing for one that is not to be let through.
core.register_fetches("grpc_message", function(txn)
    local body = txn.f:req_body()
    if body:byte(1) ~= 1 then
        return body
    end
    local understood, content = pcall(content_of, body, txn.f:req_hdr("grpc-encoding"))
    return understood and "\0" .. string.pack(">I4", #content) .. content or nil
end)

-- Whether a message names a word. HAProxy's own matches read text, which ends for them at the first zero byte, and every
-- gRPC message begins with one.
core.register_converters("names", function(message, word)
    return string.find(message, word, 1, true) ~= nil
end)
